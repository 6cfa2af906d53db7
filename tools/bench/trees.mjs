// The inputs of the benchmarks, made anew in a temporary directory.
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
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

/** So many megabytes in files like those of a distribution: 32 kB on average, a few of them large. */
export function sizedTree(folder, megabytes) {
  const root = join(folder, `sized-${megabytes}`);
  const bytes = randomBytes(4_000_000);
  for (let at = 0; at < megabytes * 1e6; ) {
    const directory = join(root, `d${Math.floor(at / 4e6)}`);
    mkdirSync(directory, { recursive: true });
    const large = Math.min(4_000_000, megabytes * 1e6 - at);
    for (let left = large, file = 0; left > 0; file++) {
      const size = Math.min(left, file === 0 ? 1_000_000 : 1 + ((file * 7919) % 48_000));
      writeFileSync(join(directory, `f${file}`), bytes.subarray(left - size, left));
      left -= size;
    }
    at += large;
  }
  return root;
}

/** Debian bookworm minbase by debootstrap, from the mirror this machine uses; undefined where that cannot be made. */
export function debianMinbase(folder) {
  const root = join(folder, "minbase");
  const mirror = debianMirror();
  if (process.getuid?.() !== 0) return undefined;
  const { status, error } = spawnSync("debootstrap", ["--variant=minbase", "bookworm", root, mirror], {
    stdio: "ignore",
  });
  return error === undefined && status === 0 ? root : undefined;
}

/** The mirror that was named, or the one this machine uses. */
export function debianMirror() {
  return process.env["BASE_KIT_DEBIAN_MIRROR"] ?? hostMirror() ?? "http://ftp.debian.org/debian";
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
