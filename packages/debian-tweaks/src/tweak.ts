import type { Rootfs } from "@base-kit/core";

/** One change that turns what debootstrap makes, a system for a machine, into a base image. */
export interface Tweak {
  /** What `--tweaks` calls it. */
  readonly name: string;
  /** What it does, for the list of tweaks. */
  readonly summary: string;
  /** What is wrong without it. */
  readonly why: string;
  apply(rootfs: Rootfs, build: Build): Rootfs | Promise<Rootfs>;
}

/** What a tweak may depend on besides the tree. */
export interface Build {
  /** Seconds since 1970; no file is newer. */
  readonly epoch: number;
  /** Packages that were asked for by name. */
  readonly include: readonly string[];
  /** Debian's name of the architecture. */
  readonly architecture: string;
}
