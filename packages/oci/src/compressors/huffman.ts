/**
 * Code lengths for symbols that occur so often, none longer than `longest`. Symbols that do not occur get none; a symbol
 * alone gets one bit, which every decoder takes.
 */
export function lengthsFor(counts: Uint32Array, longest: number): Uint8Array {
  const lengths = new Uint8Array(counts.length);
  // Rarest first; among equals by number, so that nothing is left to the way of sorting.
  const keys = Float64Array.from(
    [...counts].flatMap((count, symbol) => (count === 0 ? [] : [count * counts.length + symbol])),
  ).sort();
  const symbols = Array.from(keys, (key) => key % counts.length);
  if (symbols.length === 0) return lengths;
  if (symbols.length === 1) {
    lengths[symbols[0] as number] = 1;
    return lengths;
  }
  const weights = symbols.map((symbol) => counts[symbol] as number);
  const perLength = limited(lengthCounts(weights), longest);
  let next = 0;
  for (let length = longest; length > 0; length--) {
    for (let count = perLength[length] as number; count > 0; count--) lengths[symbols[next++] as number] = length;
  }
  return lengths;
}

/** The codes of RFC 1951, 3.2.2, their bits turned round for a writer that begins with the lowest. */
export function codesFor(lengths: Uint8Array): Uint16Array {
  const perLength = new Uint16Array(17);
  for (const length of lengths) if (length > 0) perLength[length] = (perLength[length] as number) + 1;
  const next = new Uint16Array(17);
  for (let length = 1; length < 16; length++) {
    next[length + 1] = ((next[length] as number) + (perLength[length] as number)) << 1;
  }
  return Uint16Array.from(lengths, (length) => {
    if (length === 0) return 0;
    const code = next[length] as number;
    next[length] = code + 1;
    return reversed(code, length);
  });
}

function reversed(code: number, length: number): number {
  let result = 0;
  for (let bit = 0; bit < length; bit++) result |= ((code >> bit) & 1) << (length - 1 - bit);
  return result;
}

/** How many symbols have which length in a Huffman tree of these weights, which are sorted. */
function lengthCounts(weights: readonly number[]): number[] {
  // Two queues: leaves, and nodes in the order they are made; both are sorted.
  const nodes: { readonly weight: number; readonly left: number; readonly right: number }[] = [];
  const total = weights.length;
  let leaf = 0;
  let node = 0;
  const take = (): readonly [id: number, weight: number] => {
    const [leafWeight, nodeWeight] = [weights[leaf], nodes[node]?.weight];
    if (leafWeight !== undefined && (nodeWeight === undefined || leafWeight <= nodeWeight)) return [leaf++, leafWeight];
    return [total + node++, nodeWeight as number];
  };
  while (total - leaf + (nodes.length - node) > 1) {
    const [left, a] = take();
    const [right, b] = take();
    nodes.push({ weight: a + b, left, right });
  }
  const depths = new Uint16Array(total + nodes.length);
  const counts: number[] = [];
  for (let at = nodes.length - 1; at >= 0; at--) {
    const { left, right } = nodes[at] as { readonly left: number; readonly right: number };
    const depth = (depths[total + at] as number) + 1;
    for (const child of [left, right]) {
      depths[child] = depth;
      if (child < total) counts[depth] = (counts[depth] ?? 0) + 1;
    }
  }
  return counts;
}

/** Shortens what is too long, and makes up for it by lengthening others, until the code fits into the room there is. */
function limited(counts: readonly number[], longest: number): number[] {
  const result = Array.from({ length: longest + 1 }, (_, length) => counts[length] ?? 0);
  for (let length = longest + 1; length < counts.length; length++) {
    result[longest] = (result[longest] as number) + (counts[length] ?? 0);
  }
  const room = 2 ** longest;
  let used = result.reduce((sum, count, length) => (length === 0 ? 0 : sum + count * 2 ** (longest - length)), 0);
  for (; used > room; used -= 1) {
    result[longest] = (result[longest] as number) - 1;
    let length = longest - 1;
    while (result[length] === 0) length -= 1;
    result[length] = (result[length] as number) - 1;
    result[length + 1] = (result[length + 1] as number) + 2;
  }
  return result;
}
