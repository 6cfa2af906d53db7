import type { Dependency } from "./dependency.ts";

/** What an index, an installed database or a package itself says about a package. */
export interface PackageInfo {
  readonly name: string;
  readonly version: string;
  /** Alpine's name of the architecture, or `noarch`. */
  readonly architecture: string;
  /** SHA-1 of the control member, as `Q1` and base64: the identity of a package in this format. */
  readonly checksum: string;
  /** Bytes of the .apk file. */
  readonly size: number;
  /** Bytes. */
  readonly installedSize: number;
  readonly depends: readonly Dependency[];
  readonly provides: readonly Dependency[];
  /** All of these have to be chosen for the package to come by itself; empty when it never does. */
  readonly installIf: readonly Dependency[];
  /** Of several that provide a name without a version, the highest comes first. */
  readonly providerPriority: number;
  /** The source package. */
  readonly origin: string | undefined;
  readonly licence: string | undefined;
  /** Seconds since 1970. */
  readonly buildTime: number;
}
