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
 * @throws BaseKitError `OPTION_INVALID` (usage)
 */
export function parseSnapshot(snapshot: string): number {
  const [, year, month, day, hour = "00", minute = "00", second = "00"] =
    /^(\d{4})-?(\d{2})-?(\d{2})(?:T(\d{2})(\d{2})(\d{2})Z)?$/.exec(snapshot) ?? [];
  const text = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const time = Date.parse(text);
  // Date takes the 31st of June for the 1st of July.
  if (Number.isNaN(time) || new Date(time).toISOString() !== text) {
    throw new BaseKitError("OPTION_INVALID", `--snapshot ${snapshot}: there is no such time`, { kind: "usage" });
  }
  return time / 1000;
}

/** The distribution's archive of its own past; it answers for any second, with the state that was the last then. */
export function snapshotMirrors(snapshot: string, distribution: Distribution): Mirrors {
  const time = new Date(parseSnapshot(snapshot) * 1000).toISOString();
  const stamp = time.replace(/[-:]/g, "").replace(".000", "");
  const ubuntu = `https://snapshot.ubuntu.com/ubuntu/${stamp}`;
  const debian = `http://snapshot.debian.org/archive/debian/${stamp}`;
  return {
    main: distribution === "ubuntu" ? ubuntu : debian,
    security: [distribution === "ubuntu" ? ubuntu : `http://snapshot.debian.org/archive/debian-security/${stamp}`],
    isChosen: false,
    keyring: undefined,
  };
}
