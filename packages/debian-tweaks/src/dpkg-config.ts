import { addEntries, fileEntry } from "@base-kit/rootfs";
import type { Tweak } from "./tweak.ts";

/** Source: debuerreotype-minimizing-config. */
export const dockerAptSpeedup: Tweak = {
  name: "docker-apt-speedup",
  summary: "dpkg does not wait for the disk after every file",
  why: "A build that is interrupted is thrown away anyway, and installing is several times faster without fsync.",
  apply: (rootfs, { epoch }) => {
    const text =
      "# A build that is interrupted is thrown away anyway, so nothing needs to be synced.\nforce-unsafe-io\n";
    return addEntries(
      [fileEntry("etc/dpkg/dpkg.cfg.d/docker-apt-speedup", text, { mtime: epoch })],
      "docker-apt-speedup",
    )(rootfs);
  },
};
