import { BaseKitError, closest, printable } from "@base-kit/core";
import { SUITE } from "@base-kit/debian-archive";

export type Distribution = "debian" | "ubuntu";

/** Releases worth trying; others are asked of the mirror, because new ones appear without us. */
export const RELEASES: Readonly<Record<Distribution, readonly string[]>> = {
  debian: ["trixie", "bookworm", "bullseye", "forky", "sid", "stable", "oldstable", "testing", "unstable"],
  ubuntu: ["noble", "jammy", "focal", "questing", "resolute"],
};

/** Debian's suites that get their updates within themselves, so that there is nothing beside them. */
const ROLLING: ReadonlySet<string> = new Set(["sid", "unstable", "experimental", "rc-buggy", "testing"]);

/** @throws BaseKitError `SUITE_MISSING`, `SUITE_INVALID` (usage) */
export function requireSuite(release: string | undefined, distribution: Distribution): string {
  const example = `${distribution}:${RELEASES[distribution][0]}`;
  if (release === undefined || release === "") {
    throw new BaseKitError("SUITE_MISSING", "which suite is meant? none was named", {
      kind: "usage",
      hint: `Write ${example}; others: ${RELEASES[distribution].join(", ")}.`,
    });
  }
  if (SUITE.expression.test(release)) return release;
  throw new BaseKitError("SUITE_INVALID", `suite ${printable(release)} is refused: ${SUITE.rule}`, {
    kind: "usage",
    hint: `Write ${example}. Nothing was run or changed.`,
  });
}

/** Whether a suite by this name can have others with its updates; what its Release says decides afterwards. */
export function mayHaveUpdates(suite: string, distribution: Distribution): boolean {
  return !suite.includes("-") && (distribution === "ubuntu" || !ROLLING.has(suite));
}

/** `role` is the `Suite` of the Release: `oldstable` for bookworm. */
export function isRolling(role: string | undefined): boolean {
  return role !== undefined && ROLLING.has(role);
}

/** What somebody may have meant who asked a mirror for a suite that it does not have. */
export function suiteHint(suite: string, distribution: Distribution): string {
  const near = closest(suite, RELEASES[distribution]);
  return near.length === 0 ? "" : `Did you mean ${near.join(" or ")}? `;
}
