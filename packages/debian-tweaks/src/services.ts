import { type ByteString, bytesFromText } from "@base-kit/core";
import { addEntries, fileEntry, findFile, readTextFile } from "@base-kit/rootfs";
import type { Tweak } from "./tweak.ts";

const NO_SERVICES = [
  "#!/bin/sh",
  "",
  "# Packages ask here before they start a service (invoke-rc.d(8)). 101 means: it is not allowed.",
  "# A container runs the one program it was started for.",
];

export const policyRcD: Tweak = {
  name: "policy-rc.d",
  summary: "Packages do not start their services",
  why: "Installing a server in docker build would start it, which fails or leaves its traces in the layer.",
  apply: (rootfs, { epoch }) => {
    const text = [...NO_SERVICES, "exit 101", ""].join("\n");
    return addEntries([fileEntry("usr/sbin/policy-rc.d", text, { mode: 0o755, mtime: epoch })], "policy-rc.d")(rootfs);
  },
};

const DIVERTED = "/sbin/initctl";

/** The diversion that `dpkg-divert --local --rename --add /sbin/initctl` would make; a colon stands for the administrator. */
export const initctl: Tweak = {
  name: "initctl",
  summary: "On releases with upstart, initctl does nothing",
  why: "upstart's own initctl waits for an init that is not there; needed for Ubuntu before 15.04 only.",
  apply: async (rootfs, { epoch }) => {
    const original = findFile(rootfs, DIVERTED.slice(1));
    if (original === undefined || !rootfs.packages.some(({ name }) => name === "upstart")) return rootfs;
    const diversions = (await readTextFile(rootfs, "var/lib/dpkg/diversions")) ?? "";
    const text = ["#!/bin/sh", "", "# There is no upstart in a container that could be asked.", "exit 0", ""].join(
      "\n",
    );
    const moved = { ...original, path: bytesFromText(`${DIVERTED.slice(1)}.distrib`) as ByteString };
    const entries = [
      fileEntry(DIVERTED.slice(1), text, { mode: 0o755, mtime: epoch }),
      fileEntry("var/lib/dpkg/diversions", `${diversions}${DIVERTED}\n${DIVERTED}.distrib\n:\n`, { mtime: epoch }),
      moved,
    ];
    return addEntries(entries, "initctl")(rootfs);
  },
};
