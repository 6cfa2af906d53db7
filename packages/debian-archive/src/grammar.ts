/** What a word of Debian's world looks like; anything that is not exactly this is refused before it gets into a URL, a file or a script. */
export interface Grammar {
  readonly expression: RegExp;
  /** For the error message. */
  readonly rule: string;
}

/** It becomes part of a URL, and debootstrap runs the script `scripts/<suite>` as root: no slash, no leading dash. */
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
