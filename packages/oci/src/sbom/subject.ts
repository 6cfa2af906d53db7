import type { Image, InstalledPackage } from "@base-kit/core";

/** What an SBOM is about. */
export interface SbomSubject {
  /** What the image is called: `demo/bookworm:latest`. */
  readonly name: string;
  readonly image: Pick<Image, "manifest" | "config" | "platform">;
  readonly packages: readonly InstalledPackage[];
  /** Programs that no package brought. */
  readonly programs?: readonly SbomProgram[];
  readonly osRelease: Readonly<Record<string, string>>;
  /** Seconds since 1970: that of the image, so that the same image has the same SBOM. */
  readonly created: number;
  /** Version of base-kit. */
  readonly toolVersion: string;
}

/** A program by itself: nobody says its version, and its digest says which one it is. */
export interface SbomProgram {
  /** In the image, absolute. */
  readonly path: string;
  /** Hexadecimal digits. */
  readonly sha256: string;
}

/** Where a package database was said to be, and what system it is of. */
export function systemOf({ osRelease }: SbomSubject): { readonly name: string; readonly version: string } | undefined {
  const { ID, NAME, VERSION_ID } = osRelease;
  const name = ID ?? NAME;
  return name === undefined ? undefined : { name, version: VERSION_ID ?? "" };
}
