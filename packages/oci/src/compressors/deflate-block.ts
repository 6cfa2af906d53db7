import { BitWriter } from "./bit-writer.ts";
import { codesFor, lengthsFor } from "./huffman.ts";
import { createMatcher } from "./matcher.ts";

/**
 * One block of a deflate stream (RFC 1951) in whole numbers alone: no version of Node, no library and no processor has a say in its
 * bytes. Without `last` it ends on a byte, so that another block can follow.
 */
export function deflateBlock(block: Uint8Array, dictionary: Uint8Array | undefined, last: boolean): Uint8Array {
  const before = dictionary?.length ?? 0;
  const bytes = new Uint8Array(before + block.length);
  if (dictionary !== undefined) bytes.set(dictionary);
  bytes.set(block, before);
  const out = new BitWriter(Math.ceil(block.length / 2) + 1024);
  const tokens = new Tokens();
  const flush = (from: number, to: number, final: boolean) => {
    writeTokens(out, tokens, { bytes, from, to, final });
    tokens.clear();
  };
  let start = before;
  createMatcher(bytes, before).eachToken((length, distance, end) => {
    tokens.add(length, distance);
    if (tokens.count < TOKENS_AT_MOST) return;
    flush(start, end, false);
    start = end;
  });
  if (tokens.count > 0 || last) flush(start, bytes.length, last);
  // An empty stored block: what zlib calls a sync flush.
  if (!last) out.stored(NOTHING, false);
  return out.finish();
}

const NOTHING = new Uint8Array(0);
const TOKENS_AT_MOST = 32 * 1024;
const END_OF_BLOCK = 256;

/** RFC 1951, 3.2.3: the final bit comes first, then two bits of type; a stored block has 0. */
const FIXED = 1;
const DYNAMIC = 2;

/** RFC 1951, 3.2.5. */
const LENGTH_BASE = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
];
const LENGTH_EXTRA = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const DISTANCE_BASE = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
  8193, 12289, 16385, 24577,
];
const DISTANCE_EXTRA = [
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
];

const LENGTH_SYMBOL = symbolTable(LENGTH_BASE, 259);
/** Distances up to 256 by themselves, larger ones by their upper bits. */
const NEAR_SYMBOL = symbolTable(DISTANCE_BASE, 257);
const FAR_SYMBOL = Uint8Array.from({ length: 257 }, (_, upper) => symbolOf(DISTANCE_BASE, upper * 128 + 1));

function symbolTable(bases: readonly number[], size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, value) => symbolOf(bases, value));
}

function symbolOf(bases: readonly number[], value: number): number {
  let symbol = 0;
  while (symbol + 1 < bases.length && (bases[symbol + 1] as number) <= value) symbol += 1;
  return symbol;
}

function distanceSymbol(distance: number): number {
  return (distance <= 256 ? NEAR_SYMBOL[distance] : FAR_SYMBOL[(distance - 1) >> 7]) as number;
}

/** Literals (a byte, distance 0) and matches, and how often each symbol occurs. */
class Tokens {
  count = 0;
  readonly lengths: Uint16Array = new Uint16Array(TOKENS_AT_MOST);
  readonly distances: Uint16Array = new Uint16Array(TOKENS_AT_MOST);
  readonly literalCounts: Uint32Array = new Uint32Array(286);
  readonly distanceCounts: Uint32Array = new Uint32Array(30);

  constructor() {
    this.clear();
  }

  clear(): void {
    this.count = 0;
    this.literalCounts.fill(0);
    this.distanceCounts.fill(0);
    this.literalCounts[END_OF_BLOCK] = 1;
  }

  add(length: number, distance: number): void {
    this.lengths[this.count] = length;
    this.distances[this.count] = distance;
    this.count += 1;
    if (distance === 0) {
      this.literalCounts[length] = (this.literalCounts[length] as number) + 1;
      return;
    }
    const symbol = 257 + (LENGTH_SYMBOL[length] as number);
    const far = distanceSymbol(distance);
    this.literalCounts[symbol] = (this.literalCounts[symbol] as number) + 1;
    this.distanceCounts[far] = (this.distanceCounts[far] as number) + 1;
  }
}

interface Piece {
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly to: number;
  readonly final: boolean;
}

/** Whichever of the three types of block is smallest. */
function writeTokens(out: BitWriter, tokens: Tokens, piece: Piece): void {
  const { literalCounts, distanceCounts } = tokens;
  const literals = lengthsFor(literalCounts, 15);
  const distances = lengthsFor(distanceCounts, 15);
  const header = treeHeader(literals, distances);
  const extra = extraBits(tokens);
  const dynamicBits = header.bits + cost(literalCounts, literals) + cost(distanceCounts, distances) + extra;
  const fixedBits = cost(literalCounts, FIXED_LITERALS) + cost(distanceCounts, FIXED_DISTANCES) + extra;
  const storedBits = (piece.to - piece.from) * 8 + 40 * Math.ceil((piece.to - piece.from + 1) / STORED_AT_MOST);
  if (storedBits < Math.min(dynamicBits, fixedBits)) {
    writeStored(out, piece);
  } else if (fixedBits <= dynamicBits) {
    out.bits(Number(piece.final) | (FIXED << 1), 3);
    writeSymbols(out, tokens, FIXED_LITERALS, FIXED_DISTANCES);
  } else {
    out.bits(Number(piece.final) | (DYNAMIC << 1), 3);
    header.write(out);
    writeSymbols(out, tokens, literals, distances);
  }
}

const STORED_AT_MOST = 65535;

function writeStored(out: BitWriter, { bytes, from, to, final }: Piece): void {
  for (let at = from; at < to; at += STORED_AT_MOST) {
    const end = Math.min(to, at + STORED_AT_MOST);
    out.stored(bytes.subarray(at, end), final && end === to);
  }
}

function cost(counts: Uint32Array, lengths: Uint8Array): number {
  let bits = 0;
  for (let symbol = 0; symbol < counts.length; symbol++)
    bits += (counts[symbol] as number) * (lengths[symbol] as number);
  return bits;
}

function extraBits({ literalCounts, distanceCounts }: Tokens): number {
  let bits = 0;
  for (const [at, extra] of LENGTH_EXTRA.entries()) bits += (literalCounts[257 + at] as number) * extra;
  for (const [at, extra] of DISTANCE_EXTRA.entries()) bits += (distanceCounts[at] as number) * extra;
  return bits;
}

function writeSymbols(out: BitWriter, tokens: Tokens, literals: Uint8Array, distances: Uint8Array): void {
  const literalCodes = codesFor(literals);
  const distanceCodes = codesFor(distances);
  for (let at = 0; at < tokens.count; at++) {
    const length = tokens.lengths[at] as number;
    const distance = tokens.distances[at] as number;
    if (distance === 0) {
      out.bits(literalCodes[length] as number, literals[length] as number);
      continue;
    }
    const symbol = LENGTH_SYMBOL[length] as number;
    out.bits(literalCodes[257 + symbol] as number, literals[257 + symbol] as number);
    out.bits(length - (LENGTH_BASE[symbol] as number), LENGTH_EXTRA[symbol] as number);
    const far = distanceSymbol(distance);
    out.bits(distanceCodes[far] as number, distances[far] as number);
    out.bits(distance - (DISTANCE_BASE[far] as number), DISTANCE_EXTRA[far] as number);
  }
  out.bits(literalCodes[END_OF_BLOCK] as number, literals[END_OF_BLOCK] as number);
}

/** RFC 1951, 3.2.6. */
const FIXED_LITERALS = Uint8Array.from({ length: 288 }, (_, symbol) =>
  symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8,
);
const FIXED_DISTANCES = new Uint8Array(30).fill(5);

/** RFC 1951, 3.2.7: the order in which the lengths of the code for lengths come. */
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** The code lengths of a dynamic block: runs are shortened, and what results is Huffman-coded itself. */
function treeHeader(literals: Uint8Array, distances: Uint8Array) {
  const literalCount = Math.max(257, usedLength(literals));
  const distanceCount = Math.max(1, usedLength(distances));
  const runs = runLengths([...literals.subarray(0, literalCount), ...distances.subarray(0, distanceCount)]);
  const counts = new Uint32Array(19);
  for (const { symbol } of runs) counts[symbol] = (counts[symbol] as number) + 1;
  const lengths = lengthsFor(counts, 7);
  const codes = codesFor(lengths);
  let orderCount = ORDER.length;
  while (orderCount > 4 && lengths[ORDER[orderCount - 1] as number] === 0) orderCount -= 1;
  const bits =
    14 + orderCount * 3 + runs.reduce((sum, { symbol, width }) => sum + (lengths[symbol] as number) + width, 0);
  const write = (out: BitWriter) => {
    out.bits(literalCount - 257, 5);
    out.bits(distanceCount - 1, 5);
    out.bits(orderCount - 4, 4);
    for (const symbol of ORDER.slice(0, orderCount)) out.bits(lengths[symbol] as number, 3);
    for (const { symbol, extra, width } of runs) {
      out.bits(codes[symbol] as number, lengths[symbol] as number);
      out.bits(extra, width);
    }
  };
  return { bits, write };
}

interface Run {
  readonly symbol: number;
  readonly extra: number;
  /** Bits of `extra`. */
  readonly width: number;
}

function runLengths(lengths: readonly number[]): readonly Run[] {
  const runs: Run[] = [];
  for (let at = 0; at < lengths.length; ) {
    const value = lengths[at] as number;
    let end = at + 1;
    while (end < lengths.length && lengths[end] === value) end += 1;
    let left = end - at;
    if (value !== 0) {
      runs.push({ symbol: value, extra: 0, width: 0 });
      left -= 1;
    }
    while (left >= 3) {
      const most = value === 0 ? 138 : 6;
      const count = Math.min(left, most);
      if (value !== 0) runs.push({ symbol: 16, extra: count - 3, width: 2 });
      else if (count <= 10) runs.push({ symbol: 17, extra: count - 3, width: 3 });
      else runs.push({ symbol: 18, extra: count - 11, width: 7 });
      left -= count;
    }
    for (; left > 0; left -= 1) runs.push({ symbol: value, extra: 0, width: 0 });
    at = end;
  }
  return runs;
}

function usedLength(lengths: Uint8Array): number {
  let length = lengths.length;
  while (length > 0 && lengths[length - 1] === 0) length -= 1;
  return length;
}
