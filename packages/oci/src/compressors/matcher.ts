const WINDOW = 32 * 1024;
const SHORTEST = 3;
const LONGEST = 258;
/** A match of three bytes from farther away takes more bits than the bytes. */
const FAR = 4096;
/** How many earlier places are looked at, and from which length on fewer of them, or none. */
const CHAIN = 24;
const GOOD = 8;
const NICE = 128;
/** A match so long is taken without looking whether the next byte begins a longer one. */
const LAZY = 16;
const HASH_BITS = 16;

/** A byte with distance 0, or a match; `end` is the place behind it. */
export type OnToken = (length: number, distance: number, end: number) => void;

/** Finds repetitions: hash chains over three bytes, and a look at the next byte before a match is taken. */
export function createMatcher(bytes: Uint8Array, start: number): { eachToken(onToken: OnToken): void } {
  const head = new Int32Array(1 << HASH_BITS).fill(-1);
  const previous = new Int32Array(bytes.length);
  const end = bytes.length;
  let matchStart = 0;

  const insert = (at: number): number => {
    if (at + SHORTEST > end) return -1;
    const three = ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
    const hash = Math.imul(three, 0x9e3779b1) >>> (32 - HASH_BITS);
    const before = head[hash] as number;
    previous[at] = before;
    head[hash] = at;
    return before;
  };

  /** The length of the longest match that is longer than `than`; `matchStart` is where it is. */
  const longest = (at: number, candidate: number, than: number): number => {
    const most = Math.min(LONGEST, end - at);
    const oldest = at - WINDOW;
    let best = than;
    let left = than >= GOOD ? CHAIN >> 2 : CHAIN;
    for (let from = candidate; from >= 0 && from >= oldest && left > 0; from = previous[from] as number, left--) {
      if (best >= most) break;
      if (bytes[from + best] !== bytes[at + best] || bytes[from] !== bytes[at]) continue;
      let length = 1;
      while (length < most && bytes[from + length] === bytes[at + length]) length++;
      if (length <= best || (length === SHORTEST && at - from > FAR)) continue;
      best = length;
      matchStart = from;
      if (length >= NICE) break;
    }
    return best;
  };

  const eachToken = (onToken: OnToken) => {
    for (let at = 0; at < start; at++) insert(at);
    let pendingLength = 0;
    let pendingDistance = 0;
    let hasPending = false;
    for (let at = start; at < end; ) {
      const candidate = insert(at);
      const before = pendingLength;
      const length = before >= LAZY ? before : longest(at, candidate, Math.max(before, SHORTEST - 1));
      if (hasPending && before >= SHORTEST && length <= before) {
        // The match that began a byte earlier is as good.
        const matchEnd = at - 1 + before;
        onToken(before, pendingDistance, matchEnd);
        for (at += 1; at < matchEnd; at++) insert(at);
        hasPending = false;
        pendingLength = 0;
        continue;
      }
      if (hasPending) onToken(bytes[at - 1] as number, 0, at);
      hasPending = true;
      pendingLength = length > Math.max(before, SHORTEST - 1) ? length : 0;
      pendingDistance = at - matchStart;
      at += 1;
    }
    // No match begins at the last byte.
    if (hasPending) onToken(bytes[end - 1] as number, 0, end);
  };
  return { eachToken };
}
