/** A word that debootstrap, a shell script, will read; anything that is not exactly this is refused before it runs. */
export interface Grammar {
  readonly expression: RegExp;
  /** For the error message. */
  readonly rule: string;
}

/** debootstrap reads the script `scripts/<suite>` as root: a suite with a slash or a leading dash would be code or an option. */
export const SUITE: Grammar = {
  expression: /^[a-z][a-z0-9.-]{0,63}$/,
  rule: "a suite is written with a-z, 0-9, dots and dashes, such as bookworm",
};

/** debootstrap puts components into an `eval`. */
export const COMPONENT: Grammar = {
  expression: /^[a-z][a-z0-9-]{0,63}$/,
  rule: "a component is written with a-z, 0-9 and dashes, such as main or non-free-firmware",
};

/** Debian Policy §5.6.1. */
export const PACKAGE: Grammar = {
  expression: /^[a-z0-9][a-z0-9+.-]{1,127}$/,
  rule: "a package name is written with a-z, 0-9, plus, dots and dashes, such as ca-certificates",
};

/** debootstrap does not quote mirrors, and its lists of words are split at white space. */
export const PLAIN_PATH: Grammar = {
  expression: /^[A-Za-z0-9._~/][A-Za-z0-9._~/:+@=,-]{0,2000}$/,
  rule: "debootstrap takes only letters, digits and . _ ~ / : + @ = , - in it",
};
