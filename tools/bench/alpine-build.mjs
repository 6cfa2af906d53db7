// Builds of Alpine within one process, so that the start of node and the loading of modules are apart: the last of ROUNDS is told.
// Arguments: MIRROR CACHE OUTPUT ROUNDS; of `docker-daemon:NAME` the image is removed after each. Prints milliseconds.
import { execFileSync } from "node:child_process";
import { writeSync } from "node:fs";
import { build, withSession } from "base-kit";

const [mirror, cacheDir, output, rounds] = process.argv.slice(2);
let total;
for (let round = 0; round < Number(rounds); round++) {
  const started = performance.now();
  await withSession({ cacheDir, quiet: true }, (context) =>
    build("alpine:3.20", { mirror, output: [output] }, context),
  );
  total = performance.now() - started;
  const [transport, ...name] = output.split(":");
  if (transport === "docker-daemon") execFileSync("docker", ["rmi", "-f", name.join(":")], { stdio: "ignore" });
}
writeSync(1, JSON.stringify({ total }));
