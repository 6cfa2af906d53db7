import type { ByteString } from "@base-kit/core";
import { bytesFromBuffer } from "@base-kit/core";

/** What /etc/ld.so.cache knows: a library's name and where it is. */
export interface CacheEntry {
  /** Kind of library and machine; glibc's `FLAG_…`. */
  readonly flags: number;
  readonly name: ByteString;
  readonly path: ByteString;
  /** Not 0: for some processors only. */
  readonly hwcap: bigint;
}

export interface LdSoCache {
  readonly entries: readonly CacheEntry[];
  /** Who wrote it, from the extension at its end: `ldconfig (Debian GLIBC …) stable release version 2.36`. */
  readonly generator?: ByteString;
}

const OLD_MAGIC = "ld.so-1.7.0\0";
const NEW_MAGIC = "glibc-ld.so.cache1.1";
const NEW_HEADER = 48;
const NEW_ENTRY = 24;
const OLD_HEADER = 16;
const OLD_ENTRY = 12;
const EXTENSION_MAGIC = 0xeaa42174;
const GENERATOR_TAG = 0;
/** The lowest two bits of the header's flags, since glibc 2.33. */
const LITTLE_ENDIAN = 2;
const BIG_ENDIAN = 3;

/**
 * Reads the cache as glibc's loader does: the new format, alone or behind the old one, or the old one alone. One that is
 * damaged is as good as none, as it is for the loader, which then searches the folders.
 */
export function readLdSoCache(bytes: Buffer): LdSoCache | undefined {
  const isOld = bytes.toString("latin1", 0, 12) === OLD_MAGIC;
  if (!isOld) return readNew(bytes);
  for (const big of [false, true]) {
    const count = bytes.length >= OLD_HEADER ? wordAt(bytes, big)(12) : 0;
    const end = OLD_HEADER + count * OLD_ENTRY;
    if (end > bytes.length) continue;
    return readNew(bytes.subarray(Math.ceil(end / 8) * 8)) ?? readOld(bytes, count, big);
  }
  return undefined;
}

function readOld(bytes: Buffer, count: number, big: boolean): LdSoCache {
  const strings = OLD_HEADER + count * OLD_ENTRY;
  const word = wordAt(bytes, big);
  const entries: CacheEntry[] = [];
  for (let at = OLD_HEADER; at < strings; at += OLD_ENTRY) {
    const name = stringAt(bytes, strings + word(at + 4));
    const path = stringAt(bytes, strings + word(at + 8));
    if (name !== undefined && path !== undefined) entries.push({ flags: word(at) | 0, name, path, hwcap: 0n });
  }
  return { entries };
}

/** In the byte order of the machine it is for; before glibc 2.33 it does not say which, and a count of the other order does not fit. */
function readNew(bytes: Buffer): LdSoCache | undefined {
  if (bytes.length < NEW_HEADER || bytes.toString("latin1", 0, 20) !== NEW_MAGIC) return undefined;
  const said = (bytes[28] ?? 0) & 3;
  const orders = said === BIG_ENDIAN ? [true] : said === LITTLE_ENDIAN ? [false] : [false, true];
  const big = orders.find((each) => NEW_HEADER + wordAt(bytes, each)(20) * NEW_ENTRY <= bytes.length);
  if (big === undefined) return undefined;
  const word = wordAt(bytes, big);
  const count = word(20);
  const entries: CacheEntry[] = [];
  for (let index = 0; index < count; index++) {
    const at = NEW_HEADER + index * NEW_ENTRY;
    const [name, path] = [stringAt(bytes, word(at + 4)), stringAt(bytes, word(at + 8))];
    const hwcap = big ? bytes.readBigUInt64BE(at + 16) : bytes.readBigUInt64LE(at + 16);
    if (name !== undefined && path !== undefined) entries.push({ flags: word(at), name, path, hwcap });
  }
  const generator = readGenerator(bytes, word);
  return { entries, ...(generator === undefined ? {} : { generator }) };
}

function wordAt(bytes: Buffer, big: boolean): (at: number) => number {
  return (at) => (big ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at));
}

function readGenerator(bytes: Buffer, word: (at: number) => number): ByteString | undefined {
  const at = word(32);
  if (at === 0 || at + 8 > bytes.length || word(at) !== EXTENSION_MAGIC) return undefined;
  for (let index = 0; index < word(at + 4); index++) {
    const section = at + 8 + index * 16;
    if (section + 16 > bytes.length) return undefined;
    const [offset, size] = [word(section + 8), word(section + 12)];
    if (word(section) === GENERATOR_TAG && offset + size <= bytes.length)
      return bytesFromBuffer(bytes, offset, offset + size);
  }
  return undefined;
}

function stringAt(bytes: Buffer, at: number): ByteString | undefined {
  const end = at < bytes.length ? bytes.indexOf(0, at) : -1;
  return end < 0 || end - at > 4096 ? undefined : bytesFromBuffer(bytes, at, end);
}

/** The same bytes as ldconfig of glibc 2.33 and newer writes for these libraries, on a machine of this byte order. */
export function writeLdSoCache({ entries, generator }: LdSoCache, byteOrder: "little" | "big" = "little"): Buffer {
  const big = byteOrder === "big";
  const putWord = (buffer: Buffer, value: number, at: number) =>
    big ? buffer.writeUInt32BE(value, at) : buffer.writeUInt32LE(value, at);
  const sorted = [...entries].sort((a, b) => compareLibraries(b.name, a.name) || b.flags - a.flags);
  const start = NEW_HEADER + sorted.length * NEW_ENTRY;
  const { table, offsets } = mergedTails(sorted.flatMap(({ name, path }) => [name, path]));
  const head = Buffer.alloc(start);
  head.write(NEW_MAGIC, 0, "latin1");
  putWord(head, sorted.length, 20);
  putWord(head, table.length, 24);
  head[28] = big ? BIG_ENDIAN : LITTLE_ENDIAN;
  sorted.forEach(({ flags, name, path, hwcap }, index) => {
    const at = NEW_HEADER + index * NEW_ENTRY;
    putWord(head, flags, at);
    putWord(head, start + (offsets.get(name) ?? 0), at + 4);
    putWord(head, start + (offsets.get(path) ?? 0), at + 8);
    if (big) head.writeBigUInt64BE(hwcap, at + 16);
    else head.writeBigUInt64LE(hwcap, at + 16);
  });
  if (generator === undefined) return Buffer.concat([head, table]);
  const extensionAt = Math.ceil((start + table.length) / 4) * 4;
  putWord(head, extensionAt, 32);
  const text = Buffer.from(generator, "latin1");
  const extension = Buffer.alloc(24);
  [EXTENSION_MAGIC, 1, GENERATOR_TAG, 0, extensionAt + 24, text.length].forEach((value, index) => {
    putWord(extension, value, index * 4);
  });
  return Buffer.concat([head, table, Buffer.alloc(extensionAt - start - table.length), extension, text]);
}

/** A string that is the end of another one lies inside it; the order makes such pairs neighbours. */
function mergedTails(strings: readonly ByteString[]): {
  readonly table: Buffer;
  readonly offsets: ReadonlyMap<ByteString, number>;
} {
  const reversed = (text: string) => [...text].reverse().join("");
  const sorted = [...new Set(strings)]
    .map((text) => ({ text, key: reversed(text) }))
    // Descending by the reversed bytes, and the longer of two that begin alike first.
    .sort((a, b) => (a.key < b.key ? 1 : -1));
  const offsets = new Map<ByteString, number>();
  const parts: Buffer[] = [];
  let size = 0;
  let previous: { readonly text: ByteString; readonly offset: number } | undefined;
  for (const { text } of sorted) {
    if (previous?.text.endsWith(text)) {
      const offset = previous.offset + previous.text.length - text.length;
      offsets.set(text, offset);
      previous = { text, offset };
      continue;
    }
    offsets.set(text, size);
    previous = { text, offset: size };
    parts.push(Buffer.from(`${text}\0`, "latin1"));
    size += text.length + 1;
  }
  return { table: Buffer.concat(parts), offsets };
}

/** The order of the cache: numbers inside names by their value, and before everything else that could stand there. */
export function compareLibraries(a: string, b: string): number {
  let [i, j] = [0, 0];
  while (i < a.length) {
    const [digitsA, digitsB] = [digitsAt(a, i), digitsAt(b, j)];
    if (digitsA !== "" && digitsB !== "") {
      if (Number(digitsA) !== Number(digitsB)) return Number(digitsA) - Number(digitsB);
      i += digitsA.length;
      j += digitsB.length;
    } else if (digitsA !== "") return 1;
    else if (digitsB !== "") return -1;
    else if (a[i] !== b[j]) return codeAt(a, i) - codeAt(b, j);
    else {
      i += 1;
      j += 1;
    }
  }
  return codeAt(a, i) - codeAt(b, j);
}

function digitsAt(text: string, at: number): string {
  return /^\d+/.exec(text.slice(at))?.[0] ?? "";
}

function codeAt(text: string, at: number): number {
  return at < text.length ? text.charCodeAt(at) : 0;
}
