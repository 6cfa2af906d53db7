import { BaseKitError, printable } from "@base-kit/core";

/** Debian's Release file: what a suite is called, when it was made, and the digests of its indexes. */
export interface Release {
  readonly origin: string | undefined;
  readonly label: string | undefined;
  /** The role: `stable`, `oldstable`; on Ubuntu the same as the codename. */
  readonly suite: string | undefined;
  readonly codename: string | undefined;
  readonly version: string | undefined;
  /** Seconds since 1970. */
  readonly date: number;
  /** Seconds since 1970; most suites have none. */
  readonly validUntil: number | undefined;
  readonly architectures: readonly string[];
  readonly components: readonly string[];
  /** Whether indexes can also be fetched by their digest, which an update of the mirror does not disturb. */
  readonly acquireByHash: boolean;
  /** Whether packages for all architectures are in an index of their own, and not in that of each architecture. */
  readonly indexOfAll: boolean;
  /** Digest and size of each index, by its path below the suite's folder. */
  readonly indexes: ReadonlyMap<string, IndexDigest>;
}

export interface IndexDigest {
  /** 64 hexadecimal digits. */
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
}

/**
 * Parses the text of a Release file, which must have been verified before.
 * Source: wiki.debian.org/DebianRepository/Format, "Release files".
 *
 * @throws BaseKitError `RELEASE_MALFORMED` (verification)
 */
export function parseRelease(text: string, subject: string): Release {
  const fields = readFields(text, subject);
  const date = fields.get("date");
  if (date === undefined) throw malformed(subject, "it has no Date");
  const validUntil = fields.get("valid-until");
  const indexes = fields.get("sha256");
  if (indexes === undefined) throw malformed(subject, "it has no SHA256 digests; MD5 and SHA-1 are not relied on");
  return {
    origin: fields.get("origin"),
    label: fields.get("label"),
    suite: fields.get("suite"),
    codename: fields.get("codename"),
    version: fields.get("version"),
    date: readDate(date, subject),
    validUntil: validUntil === undefined ? undefined : readDate(validUntil, subject),
    architectures: words(fields.get("architectures")),
    components: words(fields.get("components")),
    acquireByHash: fields.get("acquire-by-hash") === "yes",
    indexOfAll:
      words(fields.get("architectures")).includes("all") &&
      fields.get("no-support-for-architecture-all") !== "Packages",
    indexes: readIndexes(indexes, subject),
  };
}

const LINE_AT_MOST = 1024 * 1024;

/** One stanza of deb822(5): names in lower case; the lines of a long value joined by line feeds. */
function readFields(text: string, subject: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  let current = "";
  for (const [index, line] of text.trim().split("\n").entries()) {
    // Only for messages: a Release has thousands of lines.
    const place = () => `line ${index + 1}, ${printable(line)},`;
    if (line.length > LINE_AT_MOST) throw malformed(subject, `line ${index + 1} is longer than 1 MiB`);
    if (/[\r\0]/.test(line)) throw malformed(subject, `${place()} holds a control character`);
    if (/^[ \t]/.test(line) && current !== "") {
      fields.set(current, `${fields.get(current)}\n${line.trim()}`);
      continue;
    }
    const [, name, value = ""] = line.match(/^([!-,.-9;-~][!-9;-~]*):[ \t]*(.*)$/) ?? [];
    if (name === undefined) throw malformed(subject, `${place()} is no field`);
    current = name.toLowerCase();
    if (fields.has(current)) throw malformed(subject, `${place()} gives a field a second time`);
    fields.set(current, value.trim());
  }
  return fields;
}

function readIndexes(value: string, subject: string): ReadonlyMap<string, IndexDigest> {
  const indexes = new Map<string, IndexDigest>();
  for (const line of value.split("\n").filter((each) => each !== "")) {
    const [, sha256 = "", size = "", path = ""] = line.match(/^([0-9a-f]{64})[ \t]+(\d{1,15})[ \t]+(\S+)$/i) ?? [];
    if (path === "") throw malformed(subject, `${printable(line)} among its digests is not one`);
    if (!isRelative(path)) throw malformed(subject, `the index ${printable(path)} lies outside the suite`);
    const digest = { sha256: sha256.toLowerCase(), size: Number(size) };
    const other = indexes.get(path);
    if (other && (other.sha256 !== digest.sha256 || other.size !== digest.size)) {
      throw malformed(subject, `it gives the index ${printable(path)} two digests`);
    }
    indexes.set(path, digest);
  }
  return indexes;
}

function isRelative(path: string): boolean {
  return !path.includes(":") && path.split("/").every((name) => name !== "" && name !== "." && name !== "..");
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DATE = /^(?:[A-Z][a-z]{2}, +)?(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) (?:UTC|GMT|Z|[+-]0000)$/;

/** The date of RFC 2822 in UTC, the only zone that Release files may use. */
function readDate(value: string, subject: string): number {
  const [, day, month = "", year, ...time] = value.match(DATE) ?? [];
  const [hour = 99, minute = 99, second = 99] = time.map(Number);
  const seconds = Date.UTC(Number(year), MONTHS.indexOf(month), Number(day), hour, minute, second) / 1000;
  const isReal = MONTHS.includes(month) && hour < 24 && minute < 60 && second <= 60 && Number(day) >= 1;
  if (!isReal || new Date(seconds * 1000 - second * 1000).getUTCDate() !== Number(day)) {
    throw malformed(subject, `${printable(value)} is no date in UTC`);
  }
  return seconds;
}

function words(value: string | undefined): readonly string[] {
  return (value ?? "").split(/\s+/).filter((word) => word !== "");
}

function malformed(subject: string, why: string): BaseKitError {
  return new BaseKitError("RELEASE_MALFORMED", `${subject} is not a proper Release file: ${why}`, {
    kind: "verification",
  });
}
