// Builds of Alpine within one process, so that the start of node and the loading of modules are apart: the last of ROUNDS is told.
// Arguments: MIRROR CACHE ARCHIVE ROUNDS. Prints milliseconds.
import { writeSync } from "node:fs";
import { build, withSession } from "base-kit";

const [mirror, cacheDir, archive, rounds] = process.argv.slice(2);
let total;
for (let round = 0; round < Number(rounds); round++) {
  const started = performance.now();
  await withSession({ cacheDir, quiet: true }, (context) =>
    build("alpine:3.20", { mirror, output: [`oci-archive:${archive}`] }, context),
  );
  total = performance.now() - started;
}
writeSync(1, JSON.stringify({ total }));
