// The inputs of the benchmarks, made anew in a temporary directory.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** 10,000 small files in 100 directories. */
export function smallFiles(folder) {
  const root = join(folder, "small");
  for (let d = 0; d < 100; d++) {
    mkdirSync(join(root, `d${d}`), { recursive: true });
    for (let f = 0; f < 100; f++)
      writeFileSync(join(root, `d${d}`, `f${f}`), `file ${f} of directory ${d}\n`.repeat(1 + (f % 20)));
  }
  return root;
}

/** Debian bookworm minbase by debootstrap, from the mirror this machine uses; undefined where that cannot be made. */
export function debianMinbase(folder) {
  const root = join(folder, "minbase");
  const mirror = process.env["BASE_KIT_DEBIAN_MIRROR"] ?? hostMirror() ?? "http://ftp.debian.org/debian";
  if (process.getuid?.() !== 0) return undefined;
  const { status, error } = spawnSync("debootstrap", ["--variant=minbase", "bookworm", root, mirror], {
    stdio: "ignore",
  });
  return error === undefined && status === 0 ? root : undefined;
}

function hostMirror() {
  for (const file of ["/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"]) {
    try {
      const [, uri] = /^(?:URIs:\s*|deb\s+(?:\[[^\]]*\]\s*)?)(https?:\S+)/m.exec(readFileSync(file, "utf8")) ?? [];
      if (uri !== undefined) return uri;
    } catch {
      // The next file.
    }
  }
  return undefined;
}
