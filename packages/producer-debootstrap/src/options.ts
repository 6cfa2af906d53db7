import type { TweakChoice } from "@base-kit/debian-tweaks";

/** What can be asked of this producer; the names are debootstrap's and the command line's. */
export interface DebootstrapOptions {
  /** An http(s) URL, a `file:` URL or a folder. */
  readonly mirror?: string | undefined;
  /** A file of OpenPGP keys: binary, ASCII-armoured or keybox. */
  readonly keyring?: string | undefined;
  readonly components: readonly string[];
  /** `default` and `-` are debootstrap run without `--variant`. */
  readonly variant: "minbase" | "buildd" | "default" | "-";
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly slim: boolean;
  readonly tweaks: readonly TweakChoice[];
}
