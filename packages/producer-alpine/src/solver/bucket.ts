const BUCKETS = 20_000;
const SEED = 5381;

/**
 * Where apk 2 keeps a name in its hash table: MurmurHash3 (32 bits) modulo the size of the table. Names that need, or come along with,
 * one other name are looked at in this order, and what comes along is installed in it.
 */
export function bucketOf(name: string): number {
  const bytes = Buffer.from(name);
  const whole = bytes.length - (bytes.length % 4);
  let hash = SEED;
  for (let at = 0; at < whole; at += 4) {
    hash = rotate(hash ^ scramble(bytes.readInt32LE(at)), 13);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  if (whole < bytes.length) hash ^= scramble(bytes.readUIntLE(whole, bytes.length - whole));
  hash ^= bytes.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % BUCKETS;
}

function scramble(block: number): number {
  return Math.imul(rotate(Math.imul(block, 0xcc9e2d51), 15), 0x1b873593);
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
