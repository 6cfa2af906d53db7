import { textFromBytes } from "@base-kit/core";
import { emptyPseudoFilesystems, mergedEntries, removePaths } from "@base-kit/rootfs";
import type { Tweak } from "./tweak.ts";

// The paths are those that debuerreotype's debuerreotype-fixup removes and its debuerreotype-tar leaves out.

const APT_CACHE = /^var\/(?:cache\/apt|lib\/apt\/lists)\//;

export const aptCaches: Tweak = {
  name: "apt-caches",
  summary: "No downloaded packages and package lists",
  why: "They are as large as half the system, and out of date when the image is used.",
  // The folders belong to the package apt: dpkg --verify would miss them.
  apply: (rootfs) => {
    const kept = mergedEntries(rootfs).filter(({ path, type }) => type !== "directory" && APT_CACHE.test(path));
    return kept.length === 0 ? rootfs : removePaths(kept.map(({ path }) => textFromBytes(path)))(rootfs);
  },
};

export const logs: Tweak = {
  name: "logs",
  summary: "No logs and caches of the build",
  why: "They hold times, so the same packages would give another image each time.",
  apply: removePaths([
    "var/log/alternatives.log",
    "var/log/apt/history.log",
    "var/log/apt/term.log",
    "var/log/bootstrap.log",
    "var/log/dpkg.log",
    "var/cache/ldconfig/aux-cache",
    "var/lib/systemd/catalog/database",
    "etc/apt/apt.conf.d/01autoremove-kernels",
    "etc/apt/trustdb.gpg",
    "run/motd.dynamic",
    "run/mount",
  ]),
};

export const pseudoFilesystems: Tweak = {
  name: "pseudo-filesystems",
  summary: "Nothing in /dev, /proc and /sys",
  why: "Engines mount their own there, and without device nodes the image can be unpacked by any user.",
  apply: emptyPseudoFilesystems(),
};
