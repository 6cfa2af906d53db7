export interface Merging {
  readonly distribution: "debian" | "ubuntu";
  readonly codename: string;
  readonly variant: string;
}

/** Releases from before `/bin`, `/lib` and `/sbin` became links into `/usr`. */
const SPLIT: Readonly<Record<Merging["distribution"], readonly string[]>> = {
  debian: ["squeeze", "wheezy", "jessie", "stretch"],
  ubuntu: ["precise", "trusty", "xenial", "bionic", "cosmic"],
};
/** Releases in which only the machines that build packages were still split. */
const SPLIT_BUILDD: Readonly<Record<Merging["distribution"], readonly string[]>> = {
  debian: ["buster", "bullseye", "bookworm"],
  ubuntu: ["hirsute"],
};

/**
 * Whether a new system has `/bin`, `/lib` and `/sbin` as links from the start.
 *
 * Source: debootstrap 1.0.128, `merge_usr`, `first_stage_install` of debian-common and gutsy.
 */
export function hasMergedUsr({ distribution, codename, variant }: Merging): boolean {
  if (SPLIT[distribution].includes(codename)) return false;
  return variant !== "buildd" || !SPLIT_BUILDD[distribution].includes(codename);
}

/** Whether the package `usrmerge`, which would convert a running system with the help of perl, has nothing to do. */
export function mergesByLinks({ distribution, codename }: Pick<Merging, "distribution" | "codename">): boolean {
  const never = ["buster", "bullseye"];
  return !SPLIT[distribution].includes(codename) && !never.includes(codename);
}
