import { createHash } from "node:crypto";
import { printable } from "./bytes.ts";
import { BaseKitError, isBaseKitError } from "./errors.ts";
import type { Digest } from "./image.ts";
import { canonicalJson } from "./json.ts";
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
import { formatPlatform, type Platform, parsePlatform } from "./platform.ts";

/** What was asked for, without the platform: one lock file answers one request, for any number of platforms. */
export interface LockRequest {
  readonly producer: string;
  /** Null when none was named. */
  readonly release: string | null;
  /** The producer's checked options, defaults filled in. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** `base-kit.lock`. */
export interface LockFile {
  readonly request: LockRequest;
  /** One per platform, sorted by its name. */
  readonly platforms: readonly LockedPlatform[];
}

export interface LockedPlatform {
  readonly lock: Lock;
  /** What was built of it last. */
  readonly built?: BuiltImage;
}

/** An image, and all that decided its bytes besides the lock: enough to make it again and compare. */
export interface BuiltImage {
  readonly manifest: Digest;
  readonly config: Digest;
  readonly diffIds: readonly Digest[];
  /** Who compressed the layers; the same tar gives other bytes with another one. Absent when they are not compressed. */
  readonly compressor?: string;
  /** Settings by the names of the command line's flags. */
  readonly settings: Readonly<Record<string, unknown>>;
}

const FORMAT = 1;
/** A hundred times the largest known: 600 packages for eight architectures. */
const TEXT_AT_MOST = 128 * 1024 ** 2;
const INPUTS_AT_MOST = 100_000;
const PLATFORMS_AT_MOST = 100;
const LAYERS_AT_MOST = 1000;

/** The digest of a request; equal requests have equal ones, whatever the order of their options. */
export function requestDigest({ producer, release, options }: LockRequest): Digest {
  const hash = createHash("sha256").update(canonicalJson({ producer, release, options }));
  return `sha256:${hash.digest("hex")}`;
}

/** What differs, in words for people: `release: locked 3.20, asked for 3.21`. Empty when the requests are equal. */
export function requestDifferences(locked: LockRequest, asked: LockRequest): readonly string[] {
  const names = [...new Set([...Object.keys(locked.options), ...Object.keys(asked.options)])].sort();
  const parts: readonly (readonly [string, unknown, unknown])[] = [
    ["producer", locked.producer, asked.producer],
    ["release", locked.release, asked.release],
    ...names.map((name) => [optionFlag(name), locked.options[name], asked.options[name]] as const),
  ];
  return parts
    .filter(([, one, other]) => canonicalJson(one ?? null) !== canonicalJson(other ?? null))
    .map(([name, one, other]) => `${name}: locked ${shown(one)}, asked for ${shown(other)}`);
}

function optionFlag(property: string): string {
  return `--${property.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function shown(value: unknown): string {
  if (value === undefined || value === null || (Array.isArray(value) && value.length === 0)) return "nothing";
  if (Array.isArray(value)) return printable(value.map(String).join(","));
  return printable(typeof value === "string" ? value : JSON.stringify(value));
}

/**
 * The file's text: keys in a fixed order, one input and one option per line, so that a difference reads well.
 *
 * @throws BaseKitError `LOCK_WITH_CREDENTIALS` (usage): a lock is read by many
 */
export function formatLockFile({ request, platforms }: LockFile): string {
  const sorted = [...platforms].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  return `${[
    "{",
    `  "lockfileVersion": ${FORMAT},`,
    `  "request": ${JSON.stringify(requestDigest(request))},`,
    `  "producer": ${JSON.stringify(request.producer)},`,
    `  "release": ${JSON.stringify(request.release)},`,
    `  "options": ${block(Object.entries(sortedKeys(request.options)).map(property), "{}", 2)},`,
    `  "platforms": ${block(sorted.map(platformText), "[]", 2)}`,
    "}",
  ].join("\n")}\n`;
}

function platformText({ lock, built }: LockedPlatform): string {
  return `{
      "platform": ${JSON.stringify(formatPlatform(lock.platform))},
      "release": ${JSON.stringify(lock.release)},
      "sourceDateEpoch": ${lock.sourceDateEpoch},
      "options": ${canonicalJson(lock.options)},
      "inputs": ${block(lock.inputs.map(inputText), "[]", 6)}${built === undefined ? "" : `,\n      "built": ${builtText(built)}`}
    }`;
}

function inputText(input: LockedInput): string {
  if (URL.canParse(input.url)) {
    const { username, password } = new URL(input.url);
    if (username !== "" || password !== "") {
      throw new BaseKitError(
        "LOCK_WITH_CREDENTIALS",
        `the lock of ${printable(input.name)} would contain the credentials of its URL`,
        { kind: "usage", hint: "Set the mirror with its credentials in the environment instead. Nothing was written." },
      );
    }
  }
  const { name, url, size, sha256, sha512, verifiedBy, facts } = input;
  return JSON.stringify({ name, url, size, sha256, sha512, verifiedBy, facts: facts && sortedKeys(facts) });
}

function builtText({ manifest, config, diffIds, compressor, settings }: BuiltImage): string {
  const packed = compressor === undefined ? {} : { compressor };
  const lines = Object.entries({ manifest, config, diffIds, ...packed, settings: sortedKeys(settings) }).map(property);
  return block(lines, "{}", 6);
}

function property([name, value]: readonly [string, unknown]): string {
  return `${JSON.stringify(name)}: ${canonicalJson(value)}`;
}

function block(lines: readonly string[], [open, close]: string, indent: number): string {
  if (lines.length === 0) return `${open}${close}`;
  const margin = " ".repeat(indent);
  return `${open}\n${lines.map((line) => `${margin}  ${line}`).join(",\n")}\n${margin}${close}`;
}

function sortedKeys<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function nameOf({ lock }: LockedPlatform): string {
  return formatPlatform(lock.platform);
}

/**
 * Reads such a file, which is a text that anyone may have changed. What the inputs say is compared with what is fetched
 * later; here only their shape is.
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
  if (version > FORMAT) {
    throw new BaseKitError(
      "LOCK_TOO_NEW",
      `${part.what} was written by a newer base-kit: its format is ${version}, this one reads ${FORMAT}`,
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
  const names = platforms.map(nameOf);
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
