// A directory into an engine, beside `tar | docker import`, and beside what a program of Node cannot do without.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { line, medians, run } from "./measure.mjs";

const FLOOR = fileURLToPath(new URL("import-floor.mjs", import.meta.url));

/** `tree` gets a file that is another one each round, because an engine skips a layer it has. */
export async function importing({ cli, rounds, tree }) {
  const name = `base-kit-bench-${process.pid}`;
  let turn = 0;
  const fresh = () => {
    cpSync("/etc/hostname", join(tree, "etc/bench"), { force: true });
    spawnSync("touch", ["-d", `@${1_600_000_000 + turn++}`, join(tree, "etc/bench")]);
    // What was written before goes to the disk now, and not while the next one is measured.
    spawnSync("sync");
  };
  // Removed at the end: an engine that has just deleted files takes far longer for the next import, whoever sends it.
  const made = [];
  const tag = (who) => {
    made.push(`${name}:${who}${turn}`);
    return made.at(-1);
  };
  // Node 20 parses all certificates of this file at each start, whatever it is started for: with those of a whole system, 40 ms.
  const env = { NODE_EXTRA_CA_CERTS: undefined };
  const floor = () => {
    fresh();
    return run(process.execPath, [FLOOR, tree, tag("floor")], { env });
  };
  const result = await medians(Math.max(3, rounds), {
    kit: async () => {
      fresh();
      return run(process.execPath, [cli, "import", "--quiet", tree, tag("kit")], { env });
    },
    pipe: async () => {
      fresh();
      const started = performance.now();
      const tar = spawn("tar", ["-C", tree, "-c", "."], { stdio: ["ignore", "pipe", "ignore"] });
      const docker = spawn("docker", ["import", "-", tag("pipe")], { stdio: [tar.stdout, "ignore", "ignore"] });
      const [code] = await once(docker, "close");
      if (code !== 0) throw new Error(`docker import ended with ${code}`);
      return { wall: performance.now() - started, peak: 0 };
    },
    ...(isLocal() ? { floor } : {}),
  });
  spawnSync("docker", ["rmi", "-f", ...made], { stdio: "ignore" });
  line("import Debian minbase, beside tar | docker import", result.kit.wall, result.pipe.wall, 1.1);
  if (result.floor) line("  the same by a node that only reads, hashes and sends", result.floor.wall, result.pipe.wall);
}

function isLocal() {
  return (process.env["DOCKER_HOST"] ?? "unix://").startsWith("unix://");
}
