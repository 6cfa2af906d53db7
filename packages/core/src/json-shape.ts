import { printable } from "./bytes.ts";
import { BaseKitError } from "./errors.ts";
import type { Digest } from "./image.ts";

/** What an untrusted JSON document is read by: each part is asked for by the kind it has to be. */
export interface JsonPart {
  readonly value: unknown;
  /** Where it stands, for messages: `the manifest of oci:images, layers[2].digest`. */
  readonly what: string;
}

/** Beyond this a document of an image, a login or a lock is not one. Bytes; containers/image stops at the same size. */
export const JSON_AT_MOST: number = 4 * 1024 ** 2;

/**
 * Reads a document from its bytes.
 *
 * @throws BaseKitError `DOCUMENT_INVALID` (unsupported), as everything here
 */
export function parseJson(bytes: Uint8Array, what: string): JsonPart {
  if (bytes.length > JSON_AT_MOST) throw malformed({ what, value: undefined }, `at most ${JSON_AT_MOST} bytes`);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return { what, value: JSON.parse(text) };
  } catch {
    throw malformed({ what, value: undefined }, "JSON");
  }
}

/** A member of an object; undefined when it is not there, or null as Go writes what is empty. Only its own are seen. */
export function member(part: JsonPart, name: string): JsonPart | undefined {
  const object = asRecord(part);
  const value = Object.hasOwn(object, name) ? object[name] : undefined;
  return value === undefined || value === null ? undefined : { value, what: `${part.what}, ${name}` };
}

/** A member that has to be there. */
export function required(part: JsonPart, name: string): JsonPart {
  return member(part, name) ?? missing(part, name);
}

export function asRecord(part: JsonPart): Readonly<Record<string, unknown>> {
  const { value } = part;
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw malformed(part, "an object");
}

/** A list of at most so many parts. */
export function asList(part: JsonPart, atMost: number): readonly JsonPart[] {
  const { value, what } = part;
  if (!Array.isArray(value)) throw malformed(part, "a list");
  if (value.length > atMost) throw malformed({ what, value: value.length }, `at most ${atMost} of them`);
  return value.map((each, index) => ({ value: each, what: `${what}[${index}]` }));
}

export function asText(part: JsonPart): string {
  if (typeof part.value === "string") return part.value;
  throw malformed(part, "a text");
}

export function asTexts(part: JsonPart, atMost = 10_000): readonly string[] {
  return asList(part, atMost).map(asText);
}

/** An object whose members are all texts. */
export function asTextRecord(part: JsonPart): Readonly<Record<string, string>> {
  const names = Object.keys(asRecord(part));
  return Object.fromEntries(names.map((name) => [name, asText(required(part, name))]));
}

/** A number of bytes or the like: whole, not negative, exact. */
export function asCount(part: JsonPart): number {
  const { value } = part;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw malformed(part, "a whole number that is not negative");
}

export function asDigest(part: JsonPart): Digest {
  const text = asText(part);
  if (/^sha256:[0-9a-f]{64}$/.test(text)) return text as Digest;
  throw malformed(part, "sha256: and 64 hexadecimal digits");
}

/** What to throw for a part that is not as expected. */
export function malformed({ what, value }: JsonPart, expected: string): BaseKitError {
  const found = value === undefined ? "" : `, found ${printable(shown(value))}`;
  return new BaseKitError("DOCUMENT_INVALID", `${what}: expected ${expected}${found}`, {
    kind: "unsupported",
    hint: "It was made by another program, is damaged, or means harm; nothing of it was used.",
  });
}

function missing(part: JsonPart, name: string): never {
  throw malformed({ what: part.what, value: undefined }, `a member ${printable(name)}, found none`);
}

function shown(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "object") return Array.isArray(value) ? "a list" : value === null ? "null" : "an object";
  return String(value);
}
