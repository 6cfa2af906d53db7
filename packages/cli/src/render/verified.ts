import { printable } from "@base-kit/core";
import type { Verified } from "../commands/verify.ts";

const WORDS = {
  same: "same",
  compression: "same, its layers are packed in another way",
  different: "different",
} as const;

export function renderVerified({ platforms }: Verified): string {
  return platforms
    .map(({ platform, outcome, expected, found, compressors, first }) =>
      [
        `${platform}  ${WORDS[outcome]}`,
        ...(outcome === "same" ? [`  ${expected}`] : [`  expected  ${expected}`, `  got       ${found}`]),
        ...(compressors === undefined
          ? []
          : [`  packed by ${printable(compressors.expected)}, here by ${printable(compressors.found)}`]),
        ...(first === undefined ? [] : [`  first     ${first}`]),
        "",
      ].join("\n"),
    )
    .join("");
}
