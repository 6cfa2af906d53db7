import type { Platform, RuntimeConfig } from "@base-kit/core";
import type { SearchRoot } from "@base-kit/elf";

/** A program on this machine (or in `root`), or with the place it gets in the image. */
export type ScratchProgram =
  | string
  | {
      readonly file: string;
      /** Absolute path in the image. @default see `placePrograms` */
      readonly path?: string;
    };

/** What programs look for at run time and no ELF file says. */
export const FEATURES = [
  "ca-certificates",
  "nss",
  "accounts",
  "tmp",
  "tzdata",
  "terminfo",
  "gconv",
  "openssl",
  "locale",
  "ld.so.cache",
] as const;

export type Feature = (typeof FEATURES)[number];

export interface ScratchOptions {
  /** What the programs have to be for. @default what they are for */
  readonly platform?: Platform;
  /** Seconds since 1970: no file in the image is newer. @default files keep their times */
  readonly sourceDateEpoch?: number;
  /** How the image is started. @default `cmd` is the first program */
  readonly runtime?: RuntimeConfig;
  /** Where programs and libraries are. @default this machine */
  readonly root?: SearchRoot;
  /** Taken without evidence: features, or absolute paths of files and folders of the root. */
  readonly with?: readonly (Feature | `/${string}`)[];
  /** Left out in spite of evidence. */
  readonly without?: readonly Feature[];
  /** Which certificates: those of the root, those of a PEM file, or none. @default the root's, when something uses TLS */
  readonly caCertificates?: "system" | "none" | { readonly file: string };
}
