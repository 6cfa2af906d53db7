import type { Entry, FileEntry, Rootfs } from "@base-kit/core";
import { addEntries, directoryEntry, fileEntry, findFile, readTextFile, removePaths } from "@base-kit/rootfs";
import type { Tweak } from "./tweak.ts";

export const hostNames: Tweak = {
  name: "host-names",
  summary: "Neutral /etc/hostname and /etc/resolv.conf",
  why: "debootstrap copies those of the build machine, with their modes; engines mount their own over them.",
  apply: (rootfs, { epoch }) => {
    const entries = [
      fileEntry("etc/hostname", "localhost\n", { mtime: epoch }),
      fileEntry("etc/resolv.conf", "", { mtime: epoch }),
    ];
    return addEntries(entries, "host-names")(rootfs);
  },
};

export const rootDirectory: Tweak = {
  name: "root-directory",
  summary: "The root directory belongs to root and has mode 0755",
  why: "It is whatever the directory on the build machine was, and a mode such as 0700 locks every other user out.",
  apply: (rootfs, { epoch }) => {
    const root = rootOf(rootfs);
    const isRight = root?.mode === 0o755 && root.uid === 0 && root.gid === 0;
    return isRight ? rootfs : addEntries([directoryEntry("", { mtime: epoch })], "root-directory")(rootfs);
  },
};

/** As the last segment that has it says. */
function rootOf({ segments }: Rootfs): Entry | undefined {
  for (const segment of segments.toReversed()) {
    for (const entry of segment.entries()) if (entry.path === "") return entry;
  }
  return undefined;
}

const SECONDS_PER_DAY = 86_400;

/** Debian bug #857803: passwd writes the day of the build into the third field of each account. */
export const shadowDays: Tweak = {
  name: "shadow-days",
  summary: "No account's password was changed after the image's date",
  why: "The day of the build is in /etc/shadow otherwise, and the same packages give another image each day.",
  apply: async (rootfs, { epoch }) => {
    const last = Math.floor(epoch / SECONDS_PER_DAY);
    const files = await Promise.all(["etc/shadow", "etc/shadow-"].map((path) => clamped(rootfs, path, last)));
    return addEntries(files.flat(), "shadow-days")(rootfs);
  },
};

async function clamped(rootfs: Rootfs, path: string, last: number): Promise<readonly FileEntry[]> {
  const file = findFile(rootfs, path);
  const text = await readTextFile(rootfs, path);
  if (file === undefined || text === undefined) return [];
  const lines = text.split("\n").map((line) => {
    const fields = line.split(":");
    return Number(fields[2]) > last ? fields.with(2, String(last)).join(":") : line;
  });
  const bytes = Buffer.from(lines.join("\n"));
  return [{ ...file, size: bytes.length, content: () => [bytes] }];
}

export const machineId: Tweak = {
  name: "machine-id",
  summary: "No machine id",
  why: "Every container of the image would be the same machine to systemd and D-Bus; they make one when there is none.",
  apply: removePaths(["etc/machine-id", "var/lib/dbus/machine-id"]),
};
