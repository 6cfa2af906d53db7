/** Bounds on what an archive may ask for; beyond them it is refused by name. */
export interface TarLimits {
  /** Bytes of one extended header (pax, GNU long name); Go, apt and node-tar stop at the same value. */
  readonly extendedHeader: number;
  readonly entries: number;
  /** Bytes of all files together. */
  readonly unpacked: number;
}

/** Far above what root filesystems have. */
export const DEFAULT_LIMITS: TarLimits = {
  extendedHeader: 1024 ** 2,
  entries: 5_000_000,
  unpacked: 8 * 1024 ** 3,
};

/** For an archive of the caller's own making. */
export const UNLIMITED: TarLimits = {
  ...DEFAULT_LIMITS,
  entries: Number.POSITIVE_INFINITY,
  unpacked: Number.POSITIVE_INFINITY,
};

/** PATH_MAX without its NUL, and NAME_MAX, of Linux. */
export const PATH_AT_MOST = 4095;
export const COMPONENT_AT_MOST = 255;

/** uid_t is 32 bits, its last value means "none", and containerd reads ids as int32 (CVE-2024-40635). */
export const ID_AT_MOST: number = 2 ** 31 - 1;
