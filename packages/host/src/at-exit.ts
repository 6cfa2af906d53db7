const pending = new Set<() => void>();
let watching = false;

/**
 * Runs `work` when the process ends, however that happens (SIGKILL apart): what was registered last comes first, so that
 * programs are gone before the directories they write to.
 *
 * @returns forgets it
 */
export function atExit(work: () => void): () => void {
  if (!watching) {
    watching = true;
    // One listener for all: Node takes many for a leak.
    process.on("exit", () => {
      for (const each of [...pending].reverse()) each();
    });
  }
  pending.add(work);
  return () => pending.delete(work);
}
