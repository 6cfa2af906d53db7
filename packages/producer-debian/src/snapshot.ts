import { BaseKitError } from "@base-kit/core";
import type { Grammar } from "@base-kit/debian-archive";
import type { Mirrors } from "./archive/mirrors.ts";
import type { Distribution } from "./archive/suites.ts";

export const SNAPSHOT: Grammar = {
  expression: /^(?:\d{4}-\d{2}-\d{2}|\d{8}|\d{8}T\d{6}Z)$/,
  rule: "a snapshot is a day or a second in UTC, such as 2026-07-11 or 20260711T101637Z",
};

/**
 * Seconds since 1970; a day means its first moment.
 *
 * @throws BaseKitError `OPTION_INVALID` (usage) when there is no such time
 */
export function parseSnapshot(snapshot: string): number {
  const [, year, month, day, hour = "00", minute = "00", second = "00"] =
    /^(\d{4})-?(\d{2})-?(\d{2})(?:T(\d{2})(\d{2})(\d{2})Z)?$/.exec(snapshot) ?? [];
  const text = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const time = Date.parse(text);
  // Date takes the 31st of June for the 1st of July.
  if (Number.isNaN(time) || new Date(time).toISOString() !== text) {
    throw refused(snapshot, "there is no such time");
  }
  return time / 1000;
}

/**
 * The distribution's archive of its own past; it answers for any second, with the state that was the last then.
 *
 * @param now seconds since 1970: of a time to come the archive would give today's state, and tomorrow another one
 * @throws BaseKitError `OPTION_INVALID` (usage) when there is no such time, or not yet
 */
export function snapshotMirrors(snapshot: string, distribution: Distribution, now: number): Mirrors {
  const time = parseSnapshot(snapshot);
  if (time > now) throw refused(snapshot, `this time is still to come: it is ${new Date(now * 1000).toISOString()}`);
  return snapshotAt(time, distribution);
}

/** @param time seconds since 1970 */
export function snapshotAt(time: number, distribution: Distribution): Mirrors {
  const text = new Date(time * 1000).toISOString();
  const stamp = text.replace(/[-:]/g, "").replace(".000", "");
  const ubuntu = `https://snapshot.ubuntu.com/ubuntu/${stamp}`;
  const debian = `http://snapshot.debian.org/archive/debian/${stamp}`;
  return {
    main: distribution === "ubuntu" ? ubuntu : debian,
    security: [distribution === "ubuntu" ? ubuntu : `http://snapshot.debian.org/archive/debian-security/${stamp}`],
    isChosen: false,
    keyring: undefined,
  };
}

function refused(snapshot: string, why: string): BaseKitError {
  return new BaseKitError("OPTION_INVALID", `--snapshot ${snapshot} is refused: ${why}`, {
    kind: "usage",
    hint: "Name a day or a second of the past in UTC, such as 2026-07-11 or 20260711T101637Z. Nothing was fetched.",
  });
}
