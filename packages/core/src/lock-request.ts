import { createHash } from "node:crypto";
import { printable } from "./bytes.ts";
import type { Digest } from "./image.ts";
import { canonicalJson } from "./json.ts";

/** What was asked for, without the platform: one lock file answers one request, for any number of platforms. */
export interface LockRequest {
  readonly producer: string;
  /** Null when none was named. */
  readonly release: string | null;
  /** The producer's checked options, defaults filled in. */
  readonly options: Readonly<Record<string, unknown>>;
}

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
