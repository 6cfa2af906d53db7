// The image engine by itself: 6,000 files of this machine in 300 segments, as if each were a package, into an OCI archive.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { besideFloor, line, medians, run } from "./measure.mjs";

const BUILD = fileURLToPath(new URL("./layer-build.mjs", import.meta.url));
const COMPRESS = fileURLToPath(new URL("./compress.mjs", import.meta.url));
const FLOOR = fileURLToPath(new URL("./layer-floor.mjs", import.meta.url));
const FILES = 6000;
const BYTES = 120e6;
const SEGMENTS = "300";

export async function layers(folder, rounds) {
  const tar = await realFiles(folder);
  const archive = join(folder, "image.tar");
  const cache = join(folder, "layer-cache");
  const build = (...more) => run(process.execPath, [BUILD, tar, archive, cache, SEGMENTS, ...more], { peak: true });
  const first = () => {
    rmSync(cache, { recursive: true, force: true });
    return build();
  };
  let version = 0;
  const cold = await medians(Math.max(1, Math.floor(rounds / 2)), {
    start: () => run(process.execPath, [COMPRESS, "/dev/null", `${tar}.layer`]),
    compress: () => run(process.execPath, [COMPRESS, tar, `${tar}.layer`]),
    pigz: () => run("pigz", ["-6", "-p2", "-k", "-f", tar]),
    kit: first,
  });
  const { compress, start, pigz } = cold;
  line("compressing a layer, start-up apart, beside pigz -6 -p2", compress.wall - start.wall, pigz.wall, 1 / 1.2);
  line("first build (tar, compress, check, write), beside the same", cold.kit.wall, pigz.wall, 1.5);
  const warm = await medians(rounds, {
    kit: () => build(),
    // As one process that copies the archive and hashes the tar: what cannot be saved.
    floor: () => run(process.execPath, [FLOOR, archive, tar]),
    changed: () => build(String(version++)),
  });
  const { kit, floor } = warm;
  besideFloor("everything cached, in the process, beside copy and hash", kit.inside, floor.inside, 350);
  besideFloor("  the whole command, beside those as one", kit.wall, floor.wall, 800);
  line("one segment of 300 changed, beside everything cached", warm.changed.inside, kit.inside, 3);
  process.stdout.write(`${"  peak memory, first build".padEnd(58)}${`${Math.round(cold.kit.peak)} MiB`.padStart(9)}\n`);
}

/** Peak memory and time while the root filesystem grows. */
export async function layerGrowth(folder) {
  process.stdout.write("image of a growing root filesystem: size, first build, rebuild, peak memory (≤ 250 MiB)\n");
  const noise = join(folder, "noise");
  for (const megabytes of [100, 500, 1000, 2000]) {
    rmSync(noise, { recursive: true, force: true });
    mkdirSync(noise);
    // A third of it does not compress.
    const part = Buffer.concat([randomBytes(350_000), Buffer.alloc(650_000, "a line of text that repeats\n")]);
    for (let at = 0; at < megabytes; at++)
      writeFileSync(join(noise, `f${at}`), Buffer.concat([part, Buffer.from(String(at))]));
    const tar = join(folder, "grown.tar");
    await run("tar", ["-C", noise, "--sort=name", "-cf", tar, "."]);
    const cache = join(folder, "grown-cache");
    const archive = join(folder, "grown-image.tar");
    const build = () => run(process.execPath, [BUILD, tar, archive, cache, SEGMENTS], { peak: true });
    const cold = await build();
    const warm = await build();
    const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`.padStart(9);
    const peak = Math.round(Math.max(cold.peak, warm.peak));
    process.stdout.write(
      `${`  ${megabytes} MB`.padEnd(20)}${seconds(cold.wall)}${seconds(warm.wall)}${`${peak} MiB`.padStart(12)}  ${peak <= 250 ? "ok" : "MISSED"}\n`,
    );
    for (const path of [cache, archive, tar]) rmSync(path, { recursive: true, force: true });
  }
  rmSync(noise, { recursive: true, force: true });
}

/** Noise that is the same each time. */
function randomBytes(size) {
  const parts = [];
  for (let at = 0; at * 32 < size; at++) parts.push(createHash("sha256").update(String(at)).digest());
  return Buffer.concat(parts);
}

async function realFiles(folder) {
  const chosen = [];
  let size = 0;
  const walk = (dir) => {
    for (const each of readdirSync(dir, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (chosen.length >= FILES || size >= BYTES) return;
      const path = join(dir, each.name);
      if (each.isDirectory()) walk(path);
      else if (each.isFile()) {
        const bytes = statSync(path).size;
        if (bytes < 2000 || bytes > 200_000) continue;
        chosen.push(path);
        size += bytes;
      }
    }
  };
  for (const dir of ["/usr/lib", "/usr/share", "/usr/include"]) walk(dir);
  const list = join(folder, "files");
  writeFileSync(list, chosen.join("\n"));
  const tar = join(folder, "files.tar");
  await run("tar", ["--hard-dereference", "-P", "--transform=s,^/,,", "-T", list, "-cf", tar]);
  return tar;
}
