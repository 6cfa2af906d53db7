const FAR = 3;

/** The candidates that a slip of the fingers turns into `word`, the closest first. */
export function closest(word: string, candidates: readonly string[]): readonly string[] {
  const distances = [...new Set(candidates)].map((candidate) => ({
    candidate,
    distance: editDistance(word, candidate),
  }));
  return distances
    .filter(({ candidate, distance }) => distance < FAR && distance < candidate.length / 2)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ candidate }) => candidate);
}

/** Levenshtein: how many letters have to be put in, taken out or changed. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      const [left = 0, above = 0, corner = 0] = [next[j], row[j + 1], row[j]];
      next.push(Math.min(left + 1, above + 1, corner + (letter === other ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
