import { randomBytes } from "node:crypto";
import { createReadStream, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  BaseKitError,
  type Context,
  type Digest,
  printable,
  redactUrl,
  step,
  systemErrorCode,
  systemErrorReason,
} from "@base-kit/core";
import { replaceFile } from "./atomic-file.ts";
import { download, StartOver } from "./download.ts";
import { assertSize, type Expected, inspect } from "./inspect.ts";
import { createTries, type Tries } from "./retry.ts";
import { readSmallFileOf, SMALL } from "./small-file.ts";

/** For files whose size nobody told: more than any of them has. */
const LIMIT = 8 * 1024 ** 3;
const PROGRESS_MS = 100;

export interface FileSource {
  /** http, https or file. */
  readonly url: string | URL;
  /** What it is called while it comes. @default the last part of the URL */
  readonly name?: string;
  readonly digest?: Digest;
  /** Hexadecimal; compared besides the digest. */
  readonly sha512?: string;
  /** Bytes. */
  readonly size?: number;
  /** Bytes at most, for when the size is not known. @default 8 GiB */
  readonly limit?: number;
}

export interface FetchedFile {
  /** For reading only: it may be the store's. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

/**
 * Fetches a file and compares it with everything that is known about it. With a digest it comes from the store when it is
 * there, and is kept in it; without one it lands in the context's temporary directory.
 *
 * Broken connections and the statuses 408, 425, 429 and 5xx get four tries.
 *
 * @throws BaseKitError `FETCH_MISMATCH`, `FETCH_WRONG_SIZE` (verification); `FETCH_FAILED`, `FETCH_HOST_UNKNOWN`, `FETCH_NOT_FOUND`, `FETCH_REFUSED`,
 *   `FETCH_STATUS`, `FETCH_WEB_PAGE`, `FETCH_TLS_FAILED`, `FETCH_REDIRECT_REFUSED` (network); `FILE_NOT_FOUND`,
 *   `FILE_UNREADABLE`, `DISK_FULL`, `WRITE_FAILED`, `STORE_UNUSABLE` (environment)
 */
export function fetchFile(source: FileSource, context: Context): Promise<FetchedFile> {
  return fetchWithin(createTries(context), source, context);
}

/** With another patience, for tests. */
export async function fetchWithin(tries: Tries, source: FileSource, context: Context): Promise<FetchedFile> {
  return step(context, `fetch ${printable(fileName(source))}`, async (running) => {
    const kept = await keptFile(source, context);
    if (kept !== undefined) {
      running.detail("cached");
      return kept;
    }
    const report = (done: number) => running.progress(done, source.size === undefined ? {} : { total: source.size });
    return fetchNew(source, context, { tries, report });
  });
}

export function fileName({ url, name }: FileSource): string {
  if (name !== undefined) return name;
  const { pathname } = new URL(url);
  return pathname.slice(pathname.lastIndexOf("/") + 1);
}

/** The file out of the store, when it is there and all that is known about it is true. */
export async function keptFile(source: FileSource, context: Context): Promise<FetchedFile | undefined> {
  const path = source.digest && (await context.store.get(source.digest));
  if (path === undefined) return undefined;
  const { size } = statSync(path);
  const expected = { ...source, limit: source.limit ?? LIMIT };
  // The store has just hashed it: only what its digest does not say is left to compare.
  assertSize(expected, size);
  if (source.sha512 !== undefined) await compareSha512(path, { ...expected, sha512: source.sha512 }, context);
  return { path, size, sha256: (source.digest as Digest).slice("sha256:".length) };
}

/** Bytes with one digest have one of the other kind too: it is worked out once. */
async function compareSha512(
  path: string,
  expected: Expected & { readonly sha512: string },
  { store }: Context,
): Promise<void> {
  const key = `sha512 of ${expected.digest}`;
  if ((await store.recall(key))?.toString() === expected.sha512) return;
  await measured(createReadStream(path), expected);
  // A store that cannot be written to costs time only.
  await store.remember(key, Buffer.from(expected.sha512)).catch(() => {});
}

export interface FetchNewOptions {
  readonly tries: Tries;
  /** Told the bytes that have come, a few times per second; fewer than before when it starts again. */
  readonly report: (done: number) => void;
}

/** The file from where it is, past the store, and into it. */
export async function fetchNew(source: FileSource, context: Context, options: FetchNewOptions): Promise<FetchedFile> {
  const { taken, ...facts } = await receive(source, context, {
    ...options,
    take: (bytes) => keep(bytes, source.digest, context),
  });
  return { path: taken, ...facts };
}

export interface ReceiveOptions<T> extends FetchNewOptions {
  /** Told the bytes, with an error in place of a wrong end; again from the start when the connection broke and cannot go on. */
  readonly take: (bytes: AsyncIterable<Uint8Array>) => Promise<T>;
}

/** What `take` makes of a file's bytes, from where the file is. */
export async function receive<T>(
  source: FileSource,
  context: Context,
  { tries, report, take }: ReceiveOptions<T>,
): Promise<{ readonly taken: T; readonly size: number; readonly sha256: string }> {
  const url = new URL(source.url);
  const expected: Expected = { ...source, limit: source.limit ?? LIMIT };
  for (;;) {
    context.signal.throwIfAborted();
    const remote = () => download({ ...expected, url: url.href }, { context, tries });
    const inspection = inspect(url.protocol === "file:" ? readLocal(url) : remote(), expected);
    try {
      const taken = await take(reported(inspection.bytes, report, context));
      return { taken, ...inspection.result() };
    } catch (error) {
      if (!(error instanceof StartOver)) throw error;
    }
  }
}

async function measured(bytes: AsyncIterable<Uint8Array>, expected: Expected): Promise<void> {
  for await (const _ of inspect(bytes, expected).bytes) {
    // Only compared.
  }
}

async function keep(bytes: AsyncIterable<Uint8Array>, digest: Digest | undefined, context: Context): Promise<string> {
  if (digest !== undefined) return context.store.put({ digest }, bytes);
  const path = join(context.tempDir, `fetched-${randomBytes(8).toString("hex")}`);
  await replaceFile(path, bytes, { temporary: `${path}.part`, durable: false });
  return path;
}

async function* readLocal(url: URL): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    const path = fileURLToPath(url);
    const small = readSmallFileOf(path);
    if (small === undefined) yield* createReadStream(path, { highWaterMark: SMALL });
    else yield small;
  } catch (error) {
    const missing = systemErrorCode(error) === "ENOENT";
    const why = missing ? "it does not exist" : systemErrorReason(error);
    throw new BaseKitError(missing ? "FILE_NOT_FOUND" : "FILE_UNREADABLE", `cannot read ${redactUrl(url)}: ${why}`, {
      kind: "environment",
      cause: error,
    });
  }
}

/** Tells how far it is, a few times per second. */
async function* reported(
  bytes: AsyncIterable<Uint8Array>,
  report: (done: number) => void,
  { clock }: Context,
): AsyncGenerator<Uint8Array, void, undefined> {
  let done = 0;
  let reportedAt = Number.NEGATIVE_INFINITY;
  for await (const chunk of bytes) {
    done += chunk.length;
    if (clock.monotonicMs() - reportedAt >= PROGRESS_MS) {
      reportedAt = clock.monotonicMs();
      report(done);
    }
    yield chunk;
  }
  report(done);
}
