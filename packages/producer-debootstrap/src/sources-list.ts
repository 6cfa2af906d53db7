import type { Rootfs } from "@base-kit/core";
import { addEntries, fileEntry } from "@base-kit/rootfs";
import type { DebootstrapOptions } from "./options.ts";

export interface UsedSources {
  readonly mirror: string;
  readonly suite: string;
  readonly options: Pick<DebootstrapOptions, "components">;
  /** The distribution's public mirror. */
  readonly instead: string;
}

/**
 * debootstrap leaves the mirror it used in `sources.list`, as people expect. A folder of the build machine is no use in an
 * image, and for one debootstrap leaves the file empty; then the public mirror stands there.
 */
export function withPublicSources(rootfs: Rootfs, { mirror, suite, options, instead }: UsedSources): Rootfs {
  if (!mirror.startsWith("file:")) return rootfs;
  const line = `deb ${instead} ${suite} ${options.components.join(" ")}\n`;
  return addEntries([fileEntry("etc/apt/sources.list", line)], "sources.list")(rootfs);
}
