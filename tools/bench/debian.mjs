// Debian minbase made natively, beside debootstrap and mmdebstrap: from nothing to a gzip-compressed archive, packages configured.
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { limit, line, medians, run } from "./measure.mjs";
import { debianMirror } from "./trees.mjs";

const SUITE = "bookworm";
const COLD_TO_DEBOOTSTRAP = 0.2;
const COLD_TO_MMDEBSTRAP = 0.3;
const WARM_MS = 800;
const PEAK_MIB = 350;

/** Needs root, a mirror, debootstrap and mmdebstrap. */
export function canMakeDebian() {
  if (process.getuid?.() !== 0) return false;
  return ["debootstrap", "mmdebstrap"].every((program) => spawnSync(program, ["--version"]).error === undefined);
}

export async function debian({ cli, folder, rounds }) {
  const mirror = debianMirror();
  const [cold, warm] = [join(folder, "debian-cold"), join(folder, "debian-warm")];
  const build = (cache) => {
    const args = ["build", `debian:${SUITE}`, "--compat", "debootstrap", "--mirror", mirror, "--configure", "chroot"];
    const output = ["-o", `oci-archive:${join(folder, "debian.tar")}`, "--cache-dir", cache, "--quiet"];
    return run(process.execPath, [cli, ...args, ...output], { cwd: folder, peak: true });
  };
  const fresh = (directory) => {
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true });
  };
  await build(warm);
  const measured = await medians(rounds, {
    warm: () => build(warm),
    cold: () => {
      fresh(cold);
      return build(cold);
    },
    debootstrap: () => {
      const target = join(folder, "debootstrap");
      const pack = `debootstrap --variant=minbase ${SUITE} "$1" "$2" && tar --sort=name -C "$1" -c . | gzip > "$1.tar.gz"`;
      // In mounts of its own: a run that is interrupted leaves none.
      const made = run("unshare", ["--mount", "--", "sh", "-ec", pack, "sh", target, mirror]);
      return made.finally(() => rmSync(target, { recursive: true, force: true }));
    },
    mmdebstrap: () => {
      const hook = "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr";
      const target = join(folder, "mmdebstrap.tar.gz");
      return run("mmdebstrap", ["--quiet", "--variant=minbase", hook, SUITE, target, mirror]);
    },
  });
  const { wall, peak } = measured.cold;
  line(
    "Debian minbase from nothing, beside debootstrap, tar, gzip",
    wall,
    measured.debootstrap.wall,
    COLD_TO_DEBOOTSTRAP,
  );
  line("Debian minbase from nothing, beside mmdebstrap", wall, measured.mmdebstrap.wall, COLD_TO_MMDEBSTRAP);
  limit("Debian minbase again, with a warm cache", measured.warm.wall, { at: WARM_MS, unit: "ms" });
  limit("  peak memory from nothing", peak, { at: PEAK_MIB, unit: "MiB" });
}
