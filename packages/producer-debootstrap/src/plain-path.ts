import type { Grammar } from "@base-kit/debian-archive";

/** debootstrap does not quote mirrors, and its lists of words are split at white space. */
export const PLAIN_PATH: Grammar = {
  expression: /^[A-Za-z0-9._~/][A-Za-z0-9._~/:+@=,-]{0,2000}$/,
  rule: "debootstrap takes only letters, digits and . _ ~ / : + @ = , - in it",
};
