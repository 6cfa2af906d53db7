import { createHash } from "node:crypto";
import { BaseKitError, type Digest, redactUrl } from "@base-kit/core";

/** What is known about a file before it is fetched. */
export interface Expected {
  readonly url: string | URL;
  readonly digest?: Digest;
  readonly sha512?: string;
  readonly size?: number;
  readonly limit: number;
}

export interface Inspection {
  /** The bytes, with an error in place of a wrong end. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Of all bytes; only after the end. */
  result(): { readonly size: number; readonly sha256: string };
}

/** Compares bytes with what is known about them, as they pass. */
export function inspect(source: AsyncIterable<Uint8Array>, expected: Expected): Inspection {
  const sha256 = createHash("sha256");
  const sha512 = expected.sha512 === undefined ? undefined : createHash("sha512");
  let size = 0;
  let found = "";
  async function* bytes(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of source) {
      size += chunk.length;
      assertNotLonger(expected, size);
      sha256.update(chunk);
      sha512?.update(chunk);
      yield chunk;
    }
    assertSize(expected, size);
    found = sha256.digest("hex");
    if (expected.digest !== undefined) assertEqual(expected, expected.digest, `sha256:${found}`);
    if (sha512 !== undefined) assertEqual(expected, `sha512:${expected.sha512}`, `sha512:${sha512.digest("hex")}`);
  }
  return { bytes: bytes(), result: () => ({ size, sha256: found }) };
}

/** @throws BaseKitError `FETCH_WRONG_SIZE` (verification) */
export function assertSize(expected: Expected, size: number): void {
  assertNotLonger(expected, size);
  if (expected.size !== undefined && size !== expected.size) throw wrongSize(expected, `found ${size}`);
}

function assertNotLonger(expected: Expected, size: number): void {
  if (expected.size !== undefined && size > expected.size) throw wrongSize(expected, "there are more");
  if (size <= expected.limit) return;
  throw new BaseKitError("FETCH_WRONG_SIZE", `${redactUrl(expected.url)} is longer than ${expected.limit} bytes`, {
    kind: "verification",
    hint: "Nothing of it was kept.",
  });
}

export function wrongSize(expected: Pick<Expected, "url" | "size">, found: string): BaseKitError {
  return new BaseKitError("FETCH_WRONG_SIZE", `${redactUrl(expected.url)}: expected ${expected.size} bytes, ${found}`, {
    kind: "verification",
    hint: "The mirror may be in the middle of an update: try again later, or use another one. Nothing of it was kept.",
  });
}

function assertEqual({ url }: Expected, wanted: string, found: string): void {
  if (wanted.toLowerCase() === found) return;
  throw new BaseKitError(
    "FETCH_MISMATCH",
    `${redactUrl(url)} is not the expected file: expected ${wanted}, found ${found}`,
    {
      kind: "verification",
      hint: "The mirror may be in the middle of an update, or somebody has changed the file. Nothing of it was kept.",
    },
  );
}
