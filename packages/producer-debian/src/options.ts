/** What can be asked of this producer; the names are debootstrap's, mmdebstrap's and the command line's. */
export interface DebianOptions {
  /** An http(s) URL, a `file:` URL or a folder. */
  readonly mirror?: string | undefined;
  /** A file of OpenPGP keys: binary, ASCII-armoured or keybox. */
  readonly keyring?: string | undefined;
  readonly components: readonly string[];
  readonly variant: Variant;
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** Further archives, each in the form of a line of sources.list(5). */
  readonly repository: readonly string[];
  /** A moment of the past whose archive is used: `2026-07-11` or `20260711T101637Z`. */
  readonly snapshot?: string | undefined;
  /** `debootstrap`: the suite alone, chosen by debootstrap's rules. */
  readonly compat?: "debootstrap" | undefined;
  readonly slim: boolean;
  readonly tweaks: readonly string[];
  readonly configure: ConfigureMode;
}

/** Of the two programs' names for one set of packages both are understood. */
export const VARIANTS = [
  "minbase",
  "essential",
  "apt",
  "required",
  "buildd",
  "important",
  "default",
  "-",
  "standard",
  "custom",
] as const;
export type Variant = (typeof VARIANTS)[number];

export const CONFIGURE_MODES = ["auto", "userns", "chroot", "container", "none"] as const;
export type ConfigureMode = (typeof CONFIGURE_MODES)[number];
