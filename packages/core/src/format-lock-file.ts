import { printable } from "./bytes.ts";
import { BaseKitError } from "./errors.ts";
import { canonicalJson } from "./json.ts";
import type { LockedInput } from "./lock.ts";
import { type BuiltImage, LOCK_FILE_FORMAT, type LockedPlatform, type LockFile } from "./lock-file.ts";
import { requestDigest } from "./lock-request.ts";
import { formatPlatform } from "./platform.ts";

/**
 * The file's text: keys in a fixed order, one input and one option per line, so that a difference reads well.
 *
 * @throws BaseKitError `LOCK_WITH_CREDENTIALS` (usage): a lock is read by many
 */
export function formatLockFile({ request, platforms }: LockFile): string {
  const sorted = [...platforms].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  return `${[
    "{",
    `  "lockfileVersion": ${LOCK_FILE_FORMAT},`,
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
