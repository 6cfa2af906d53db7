import { addEntries, fileEntry } from "@base-kit/rootfs";
import type { Tweak } from "./tweak.ts";

/**
 * What `apt-mark auto '.*'` and `apt-mark manual <included>` leave: apt has a stanza for each package that was installed
 * automatically, under the machine's architecture even for packages of architecture `all`, and none for the others.
 */
export const autoInstalled: Tweak = {
  name: "auto-installed",
  summary: "Only the packages that were asked for count as installed by hand",
  why: "debootstrap records nothing, so apt-mark showmanual lists all and apt-get autoremove never removes any.",
  apply: (rootfs, { include, architecture, epoch }) => {
    const automatic = rootfs.packages.map(({ name }) => name).filter((name) => !include.includes(name));
    const stanzas = automatic.map((name) => `Package: ${name}\nArchitecture: ${architecture}\nAuto-Installed: 1\n\n`);
    const file = fileEntry("var/lib/apt/extended_states", stanzas.join(""), { mtime: epoch });
    return addEntries([file], "auto-installed")(rootfs);
  },
};
