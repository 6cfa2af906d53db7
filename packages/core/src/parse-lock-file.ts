import { printable } from "./bytes.ts";
import { BaseKitError, isBaseKitError } from "./errors.ts";
import {
  asCount,
  asDigest,
  asList,
  asRecord,
  asText,
  asTextRecord,
  type JsonPart,
  malformed,
  member,
  required,
} from "./json-shape.ts";
import type { Lock, LockedInput } from "./lock.ts";
import { type BuiltImage, LOCK_FILE_FORMAT, type LockedPlatform, type LockFile } from "./lock-file.ts";
import { type LockRequest, requestDigest } from "./lock-request.ts";
import { formatPlatform, type Platform, parsePlatform } from "./platform.ts";

/** A hundred times the largest known: 600 packages for eight architectures. */
const TEXT_AT_MOST = 128 * 1024 ** 2;
const INPUTS_AT_MOST = 100_000;
const PLATFORMS_AT_MOST = 100;
const LAYERS_AT_MOST = 1000;

/**
 * Reads a lock file, which is a text that anyone may have changed. Here only its shape is checked: what the inputs say is compared
 * with what is fetched later.
 *
 * @param name the file, for messages
 * @throws BaseKitError `LOCK_INVALID` (usage), `LOCK_TOO_NEW` (unsupported)
 */
export function parseLockFile(text: string, name: string): LockFile {
  const what = printable(name);
  const part: JsonPart = { what, value: parsed(text, what) };
  try {
    return readLockFile(part);
  } catch (error) {
    if (isBaseKitError(error) && error.code === "DOCUMENT_INVALID") throw invalid(error.message, error);
    // Options may be nested deeper than anything can walk.
    if (error instanceof RangeError) throw invalid(`${what} is nested too deeply`, error);
    throw error;
  }
}

function readLockFile(part: JsonPart): LockFile {
  const version = asCount(required(part, "lockfileVersion"));
  if (version > LOCK_FILE_FORMAT) {
    throw new BaseKitError(
      "LOCK_TOO_NEW",
      `${part.what} was written by a newer base-kit: its format is ${version}, this one reads ${LOCK_FILE_FORMAT}`,
      { kind: "unsupported", hint: "Update base-kit. The file was left as it is." },
    );
  }
  onlyMembers(part, ["lockfileVersion", "request", "producer", "release", "options", "platforms"]);
  const request = {
    producer: asText(required(part, "producer")),
    release: textOrNull(member(part, "release")),
    options: asRecord(required(part, "options")),
  };
  const digest = required(part, "request");
  if (asDigest(digest) !== requestDigest(request)) {
    throw malformed(digest, `${requestDigest(request)}, the digest of the request as it stands there`);
  }
  const platforms = asList(required(part, "platforms"), PLATFORMS_AT_MOST).map((each) => readPlatform(each, request));
  const names = platforms.map(({ lock }) => formatPlatform(lock.platform));
  const twice = names.find((each, index) => names.indexOf(each) !== index);
  if (twice !== undefined) throw malformed({ what: part.what, value: twice }, "every platform once");
  return { request, platforms };
}

function readPlatform(part: JsonPart, { producer }: LockRequest): LockedPlatform {
  onlyMembers(part, ["platform", "release", "sourceDateEpoch", "options", "inputs", "built"]);
  const built = member(part, "built");
  const lock: Lock = {
    lockVersion: 1,
    producer,
    release: asText(required(part, "release")),
    platform: readPlatformName(required(part, "platform")),
    sourceDateEpoch: asCount(required(part, "sourceDateEpoch")),
    inputs: asList(required(part, "inputs"), INPUTS_AT_MOST).map(readInput),
    options: asRecord(required(part, "options")),
  };
  return { lock, ...(built === undefined ? {} : { built: readBuilt(built) }) };
}

function readPlatformName(part: JsonPart): Platform {
  try {
    return parsePlatform(asText(part));
  } catch (error) {
    if (isBaseKitError(error) && error.code === "PLATFORM_UNKNOWN") throw malformed(part, "a known platform");
    throw error;
  }
}

function readInput(part: JsonPart): LockedInput {
  onlyMembers(part, ["name", "url", "size", "sha256", "sha512", "verifiedBy", "facts"]);
  const optional = <T>(name: string, read: (part: JsonPart) => T) => {
    const found = member(part, name);
    return found === undefined ? {} : { [name]: read(found) };
  };
  return {
    name: asText(required(part, "name")),
    url: readUrl(required(part, "url")),
    ...optional("size", asCount),
    ...optional("sha256", (each) => hexDigits(each, 64)),
    ...optional("sha512", (each) => hexDigits(each, 128)),
    ...optional("verifiedBy", asText),
    ...optional("facts", asTextRecord),
  };
}

function readUrl(part: JsonPart): string {
  const text = asText(part);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !["http:", "https:", "file:", "pkg:"].includes(url.protocol))
    throw malformed(part, "an http, https, file or pkg URL");
  // Not shown: it may be a real password.
  if (url.username !== "" || url.password !== "")
    throw malformed({ what: part.what, value: undefined }, "a URL without credentials");
  return text;
}

function hexDigits(part: JsonPart, count: number): string {
  const text = asText(part);
  if (text.length === count && /^[0-9a-f]+$/.test(text)) return text;
  throw malformed(part, `${count} hexadecimal digits`);
}

function readBuilt(part: JsonPart): BuiltImage {
  onlyMembers(part, ["manifest", "config", "diffIds", "compressor", "settings"]);
  const compressor = member(part, "compressor");
  return {
    manifest: asDigest(required(part, "manifest")),
    config: asDigest(required(part, "config")),
    diffIds: asList(required(part, "diffIds"), LAYERS_AT_MOST).map(asDigest),
    ...(compressor === undefined ? {} : { compressor: asText(compressor) }),
    settings: asRecord(required(part, "settings")),
  };
}

function textOrNull(part: JsonPart | undefined): string | null {
  return part === undefined ? null : asText(part);
}

/** A member nobody knows would be lost when the file is written again. */
function onlyMembers(part: JsonPart, known: readonly string[]): void {
  const strange = Object.keys(asRecord(part)).find((name) => !known.includes(name));
  if (strange !== undefined) throw malformed({ what: part.what, value: strange }, `only ${known.join(", ")}`);
}

function parsed(text: string, what: string): unknown {
  if (text.length > TEXT_AT_MOST) throw invalid(`${what}: expected at most ${TEXT_AT_MOST} bytes`);
  const conflict = /^(?:<{7}|={7}|>{7})/m.exec(text);
  if (conflict !== null)
    throw invalid(`${what} has the marks of a merge conflict, line ${lineAt(text, conflict.index)}`);
  try {
    return JSON.parse(text);
  } catch (error) {
    const position = /position (\d+)/.exec(error instanceof Error ? error.message : "")?.[1];
    const where = position === undefined ? "" : `, line ${lineAt(text, Number(position))}`;
    throw invalid(`${what} is not JSON${where}`, error);
  }
}

function lineAt(text: string, position: number): number {
  return text.slice(0, position).split("\n").length;
}

function invalid(message: string, cause?: unknown): BaseKitError {
  return new BaseKitError("LOCK_INVALID", message, {
    kind: "usage",
    hint: "Take an unchanged version of the file, or make it again with `base-kit lock --update`. It was left as it is.",
    ...(cause === undefined ? {} : { cause }),
  });
}
