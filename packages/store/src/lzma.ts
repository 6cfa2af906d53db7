import { damaged, tooLarge, unsupported } from "./decompress-errors.ts";

export interface LzmaOptions {
  /** Bytes of content at most. */
  readonly limit: number;
  /** For messages. */
  readonly name: string;
}

const HEADER = 13;
const UNKNOWN_SIZE = 0xffff_ffff_ffff_ffffn;
/** xz refuses files of this kind that claim more, and so do all packages that were ever made. */
const DICTIONARY_AT_MOST = 64 * 1024 ** 2;
const FIRST_ROOM = 1024 ** 2;

/** Counts of bits by which a probability moves, and in which it is held. */
const MOVE = 5;
const PRECISION = 11;
const HALF = (1 << PRECISION) / 2;
const TOP = 2 ** 24;

const STATES = 12;
const POSITIONS = 16;
const SHORTEST = 2;

/**
 * The content of a `.lzma` file ("LZMA alone"), the form before xz, in which Debian's packages were from 2007 to 2013. It has no checksum,
 * and its beginning tells it from nothing: the caller has to know.
 *
 * After the description in the LZMA SDK's `lzma-specification.txt`.
 *
 * @throws BaseKitError `DECOMPRESS_DAMAGED` (verification), `DECOMPRESS_TOO_LARGE`, `DECOMPRESS_UNSUPPORTED` (unsupported)
 */
export function decodeLzma(bytes: Uint8Array, { limit, name }: LzmaOptions): Buffer {
  const fail = (why: string, offset = bytes.length) => damaged({ name, offset }, why);
  if (bytes.length < HEADER) throw fail("it is cut off");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const properties = bytes[0] ?? 0;
  if (properties >= 9 * 5 * 5) throw fail("it is not in the lzma format", 0);
  const literalContext = properties % 9;
  const literalPosition = Math.floor(properties / 9) % 5;
  const positionMask = (1 << Math.floor(properties / 45)) - 1;
  const dictionary = Math.max(4096, view.getUint32(1, true));
  if (dictionary > DICTIONARY_AT_MOST) {
    throw unsupported(
      { name, offset: 1 },
      `it needs a dictionary of ${dictionary} bytes, at most ${DICTIONARY_AT_MOST}`,
    );
  }
  const told = view.getBigUint64(5, true);
  const size = told === UNKNOWN_SIZE ? undefined : told;
  if (size !== undefined && size > BigInt(limit)) throw tooLarge(name, limit);
  const end = size === undefined ? undefined : Number(size);

  let out = Buffer.allocUnsafe(end ?? Math.min(limit, FIRST_ROOM));
  let done = 0;
  const room = (count: number): void => {
    if (done + count <= out.length) return;
    if (end !== undefined) throw fail("it has more content than it says", at);
    if (done + count > limit) throw tooLarge(name, limit);
    const larger = Buffer.allocUnsafe(Math.min(limit, Math.max(out.length * 2, done + count)));
    out.copy(larger, 0, 0, done);
    out = larger;
  };

  let at = HEADER;
  const next = (): number => {
    const byte = bytes[at];
    if (byte === undefined) throw fail("it is cut off");
    at += 1;
    return byte;
  };
  let range = 0xffff_ffff;
  let code = 0;
  if (next() !== 0) throw fail("it does not begin as it has to", HEADER);
  for (let index = 0; index < 4; index++) code = ((code << 8) | next()) >>> 0;

  const normalize = (): void => {
    if (range >= TOP) return;
    range = (range << 8) >>> 0;
    code = ((code << 8) | next()) >>> 0;
  };
  const bit = (table: Uint16Array, index: number): 0 | 1 => {
    const probability = table[index] as number;
    const bound = (range >>> PRECISION) * probability;
    let result: 0 | 1;
    if (code < bound) {
      range = bound;
      table[index] = probability + (((1 << PRECISION) - probability) >>> MOVE);
      result = 0;
    } else {
      range -= bound;
      code -= bound;
      table[index] = probability - (probability >>> MOVE);
      result = 1;
    }
    normalize();
    return result;
  };
  /** Bits that are as likely as not, the highest first. */
  const direct = (count: number): number => {
    let result = 0;
    for (let index = 0; index < count; index++) {
      range >>>= 1;
      const isSet = code >= range;
      if (isSet) code -= range;
      if (code >= range) throw fail("its bytes are no code", at);
      normalize();
      result = result * 2 + (isSet ? 1 : 0);
    }
    return result;
  };
  const tree = (table: Uint16Array, bits: number, start = 0): number => {
    let node = 1;
    for (let index = 0; index < bits; index++) node = (node << 1) | bit(table, start + node);
    return node - (1 << bits);
  };
  /** The lowest bit first. */
  const reversed = (table: Uint16Array, bits: number, start = 0): number => {
    let node = 1;
    let result = 0;
    for (let index = 0; index < bits; index++) {
      const found = bit(table, start + node);
      node = (node << 1) | found;
      result |= found << index;
    }
    return result;
  };
  const lengths = () => ({
    choice: halves(2),
    low: halves(POSITIONS * 8),
    middle: halves(POSITIONS * 8),
    high: halves(256),
  });
  const lengthOf = ({ choice, low, middle, high }: ReturnType<typeof lengths>, position: number): number => {
    if (bit(choice, 0) === 0) return tree(low, 3, position * 8);
    if (bit(choice, 1) === 0) return 8 + tree(middle, 3, position * 8);
    return 16 + tree(high, 8);
  };

  const literals = halves(0x300 << (literalContext + literalPosition));
  const [isMatch, isLongRepeat] = [halves(STATES * POSITIONS), halves(STATES * POSITIONS)];
  const [isRepeat, isRepeat0, isRepeat1, isRepeat2] = [halves(STATES), halves(STATES), halves(STATES), halves(STATES)];
  const [matchLengths, repeatLengths] = [lengths(), lengths()];
  const [slots, near, align] = [halves(4 * 64), halves(128), halves(16)];
  let [state, repeat0, repeat1, repeat2, repeat3] = [0, 0, 0, 0, 0];

  const literal = (): void => {
    room(1);
    const before = done > 0 ? (out[done - 1] as number) : 0;
    const context = ((done & ((1 << literalPosition) - 1)) << literalContext) | (before >>> (8 - literalContext));
    const start = 0x300 * context;
    let symbol = 1;
    if (state >= 7) {
      let match = out[done - repeat0 - 1] as number;
      while (symbol < 0x100) {
        const wanted = (match >>> 7) & 1;
        match <<= 1;
        const found = bit(literals, start + ((1 + wanted) << 8) + symbol);
        symbol = (symbol << 1) | found;
        if (found !== wanted) break;
      }
    }
    while (symbol < 0x100) symbol = (symbol << 1) | bit(literals, start + symbol);
    out[done] = symbol & 0xff;
    done += 1;
    state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
  };
  const distance = (length: number): number => {
    const slot = tree(slots, 6, Math.min(length, 3) * 64);
    if (slot < 4) return slot;
    const bits = (slot >> 1) - 1;
    const base = (2 | (slot & 1)) * 2 ** bits;
    if (slot < 14) return base + reversed(near, bits, base - slot);
    return base + direct(bits - 4) * 16 + reversed(align, 4);
  };
  const copy = (length: number): void => {
    if (repeat0 >= done || repeat0 >= dictionary) throw fail("it refers to what is not there", at);
    room(length);
    for (let index = 0; index < length; index++, done++) out[done] = out[done - repeat0 - 1] as number;
  };

  while (end === undefined || done < end) {
    const position = done & positionMask;
    if (bit(isMatch, state * POSITIONS + position) === 0) {
      literal();
      continue;
    }
    if (bit(isRepeat, state) === 0) {
      [repeat3, repeat2, repeat1] = [repeat2, repeat1, repeat0];
      const length = lengthOf(matchLengths, position);
      state = state < 7 ? 7 : 10;
      repeat0 = distance(length);
      if (repeat0 === 0xffff_ffff) {
        if (end !== undefined) throw fail("it ends before its content does", at);
        break;
      }
      copy(length + SHORTEST);
      continue;
    }
    if (bit(isRepeat0, state) === 0) {
      if (bit(isLongRepeat, state * POSITIONS + position) === 0) {
        state = state < 7 ? 9 : 11;
        copy(1);
        continue;
      }
    } else if (bit(isRepeat1, state) === 0) [repeat1, repeat0] = [repeat0, repeat1];
    else if (bit(isRepeat2, state) === 0) [repeat2, repeat1, repeat0] = [repeat1, repeat0, repeat2];
    else [repeat3, repeat2, repeat1, repeat0] = [repeat2, repeat1, repeat0, repeat3];
    const length = lengthOf(repeatLengths, position);
    state = state < 7 ? 8 : 11;
    copy(length + SHORTEST);
  }
  if (end !== undefined) finish();
  if (code !== 0) throw fail("its end is not one", at);
  if (at !== bytes.length) throw fail("something stands behind its end", at);
  return out.subarray(0, done);

  /** A size that is told may be followed by the mark of the end all the same. */
  function finish(): void {
    if (code === 0 && at === bytes.length) return;
    const position = done & positionMask;
    if (bit(isMatch, state * POSITIONS + position) === 0 || bit(isRepeat, state) !== 0)
      throw fail("it has more content than it says", at);
    if (distance(lengthOf(matchLengths, position)) !== 0xffff_ffff) throw fail("it has more content than it says", at);
  }
}

function halves(count: number): Uint16Array {
  return new Uint16Array(count).fill(HALF);
}
