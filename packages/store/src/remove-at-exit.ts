import { unlinkSync } from "node:fs";

const paths = new Set<string>();
let watching = false;

/**
 * Removes a file when the process ends, SIGKILL apart.
 *
 * @returns forgets it
 */
export function removeAtExit(path: string): () => void {
  if (!watching) {
    watching = true;
    // One listener for all: Node takes many for a leak.
    process.on("exit", () => {
      for (const each of paths) {
        try {
          unlinkSync(each);
        } catch {
          // It is gone, or was never made.
        }
      }
    });
  }
  paths.add(path);
  return () => paths.delete(path);
}
