import { BaseKitError, printable } from "@base-kit/core";
import { CLOCK_TOLERANCE } from "./acceptable.ts";
import type { Release } from "./release.ts";

export interface ReleaseExpectation {
  /** What was asked for; has to be the suite or the codename of the Release. */
  readonly suite: string;
  /** Each has to be listed. */
  readonly components: readonly string[];
  /** In Debian's spelling: `amd64`, `armhf`. */
  readonly architecture: string;
  /** Seconds since 1970, by this machine's clock; or the moment of the past whose archive is wanted. */
  readonly now: number;
  /** Whether `now` is such a moment. @default false */
  readonly isPast?: boolean;
  /** For messages. */
  readonly subject: string;
}

/**
 * Whether a verified Release is the one that was asked for, and of today: a signature alone does not tell, because an old
 * file and that of another suite are signed as well.
 *
 * @throws BaseKitError `RELEASE_WRONG_SUITE`, `RELEASE_EXPIRED`, `RELEASE_FROM_FUTURE` (verification),
 * `RELEASE_WITHOUT_COMPONENT` (usage), `RELEASE_WITHOUT_ARCHITECTURE` (unsupported)
 */
export function requireExpectedRelease(release: Release, expected: ReleaseExpectation): void {
  requireSuite(release, expected);
  requireComponents(release, expected);
  requireArchitecture(release, expected);
  requireDate(release, expected);
}

function requireSuite({ suite, codename }: Release, expected: ReleaseExpectation): void {
  if (expected.suite === suite || expected.suite === codename) return;
  const found = `suite ${shown(suite)}, codename ${shown(codename)}`;
  throw new BaseKitError(
    "RELEASE_WRONG_SUITE",
    `${expected.subject} belongs to another release: asked for ${printable(expected.suite)}, found ${found}`,
    { kind: "verification", hint: "Is the mirror's address right, and the mirror itself in order?" },
  );
}

function requireComponents({ components }: Release, expected: ReleaseExpectation): void {
  const missing = expected.components.filter((component) => !components.includes(component));
  if (missing.length === 0) return;
  const names = missing.map((name) => printable(name)).join(", ");
  throw new BaseKitError("RELEASE_WITHOUT_COMPONENT", `${expected.subject} has no component ${names}`, {
    kind: "usage",
    hint: `It has: ${components.map((name) => printable(name)).join(", ")}.`,
  });
}

function requireArchitecture({ architectures }: Release, { architecture, subject }: ReleaseExpectation): void {
  if (architectures.includes(architecture)) return;
  throw new BaseKitError("RELEASE_WITHOUT_ARCHITECTURE", `${subject} has no architecture ${printable(architecture)}`, {
    kind: "unsupported",
    hint: `It has: ${architectures.map((name) => printable(name)).join(", ")}.`,
  });
}

function requireDate({ date, validUntil }: Release, { now, isPast = false, subject }: ReleaseExpectation): void {
  const asked = isPast ? "the snapshot is of" : "this machine's clock says";
  if (date > now + CLOCK_TOLERANCE) {
    throw new BaseKitError(
      "RELEASE_FROM_FUTURE",
      `${subject} is from the future: it says ${utc(date)}, ${asked} ${utc(now)}`,
      {
        kind: "verification",
        hint: isPast
          ? "The archive of the past has given a later state than the one that was asked for. Name a later time."
          : "Set the clock of this machine right.",
      },
    );
  }
  if (validUntil !== undefined && validUntil < now - CLOCK_TOLERANCE) {
    throw new BaseKitError(
      "RELEASE_EXPIRED",
      `${subject} is out of date: it is valid until ${utc(validUntil)}, ${asked} ${utc(now)}`,
      {
        kind: "verification",
        hint: isPast
          ? "At that time the suite was no longer updated. Name an earlier time."
          : "The mirror has stopped being updated, or somebody serves an old state that lacks security fixes. Use another mirror.",
      },
    );
  }
}

function shown(name: string | undefined): string {
  return name === undefined ? "none" : printable(name);
}

function utc(time: number): string {
  return new Date(time * 1000).toISOString().replace("T", " ").replace(".000Z", " UTC");
}
