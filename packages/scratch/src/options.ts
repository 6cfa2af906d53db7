import type { Platform, RuntimeConfig } from "@base-kit/core";

/** A program on this machine, or with the place it gets in the image. */
export type ScratchProgram =
  | string
  | {
      readonly file: string;
      /** Absolute path in the image. @default the file's name, in the root directory */
      readonly path?: string;
    };

export interface ScratchOptions {
  /** What the programs have to be for. @default what they are for */
  readonly platform?: Platform;
  /** Seconds since 1970: no file in the image is newer. @default files keep their times */
  readonly sourceDateEpoch?: number;
  /** How the image is started. @default `cmd` is the first program */
  readonly runtime?: RuntimeConfig;
}
