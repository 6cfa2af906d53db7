// How time and memory grow with the root filesystem: from 100 MB to 2 GB, twenty times the work.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { medians, run } from "./measure.mjs";
import { sizedTree } from "./trees.mjs";

const SIZES_MB = [100, 2000];
const MEMORY_MIB = 250;

/** `cli`: the program to run. Trees and outputs are made in `folder` and removed: room for three times the largest. */
export async function growth(cli, folder) {
  const output = join(folder, "grown.tar");
  const commands = {
    pack: (tree) => ["pack", "--quiet", tree, output],
    "import into an archive": (tree) => [
      "import",
      "--quiet",
      tree,
      "-o",
      `docker-archive:${output}`,
      "--compression=none",
    ],
  };
  const results = Object.fromEntries(Object.keys(commands).map((name) => [name, []]));
  for (const megabytes of SIZES_MB) {
    const tree = sizedTree(folder, megabytes);
    for (const [name, args] of Object.entries(commands)) {
      const { kit } = await medians(1, { kit: () => run(process.execPath, [cli, ...args(tree)], { peak: true }) });
      results[name].push(kit);
      rmSync(output);
    }
    rmSync(tree, { recursive: true });
  }
  const times = SIZES_MB[1] / SIZES_MB[0];
  for (const [name, [small, large]] of Object.entries(results)) {
    const [one, two] = [small, large].map(({ wall }) => `${Math.round(wall)} ms`.padStart(9));
    const share = large.wall / small.wall / times;
    const grows = share <= 1.2 ? "ok" : "MISSED";
    row(
      `${name}: 2 GB and 100 MB, share of ${times} times`,
      `${two}${one}${share.toFixed(2).padStart(8)} ×   ≤ 1.2 ×  ${grows}`,
    );
    const fits = large.peak <= MEMORY_MIB ? "ok" : "MISSED";
    const peaks = `${Math.round(large.peak)} MiB`.padStart(9) + `${Math.round(small.peak)} MiB`.padStart(9);
    row("  peak memory", `${peaks}${"".padStart(10)}≤ ${MEMORY_MIB} MiB  ${fits}`);
  }
}

function row(what, rest) {
  process.stdout.write(`${what.padEnd(58)}${rest}\n`);
}
