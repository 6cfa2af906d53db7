import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { BaseKitError, printable, type Reporter, type Store, systemErrorReason } from "@base-kit/core";
import { replaceFile } from "./atomic-file.ts";
import { type OwnLease, openLease } from "./lease.ts";
import { removeAbandoned } from "./prune.ts";
import { replaceSmallFile, SMALL } from "./small-file.ts";
import { contentPath, incomingFolder, resultPath } from "./store-layout.ts";
import { checkContent, type Hashed, verified } from "./stored-content.ts";
import { readResult, wrapResult } from "./stored-result.ts";

export interface CreateStoreOptions {
  /** Hears of damaged files. @default tells nobody */
  readonly reporter?: Reporter;
}

/** A {@link Store} in a folder. */
export interface FolderStore extends Store {
  readonly dir: string;
  /** Bytes that were added through this object. */
  added(): number;
  /** Says that nothing that was looked up is needed any more; the end of the process does so too. */
  close(): void;
}

/**
 * A {@link Store} in a folder: each file named by its digest, each result by the digest of its key. Any number of processes may
 * use it at once. Its files are for reading only.
 */
export function createStore(dir: string, { reporter }: CreateStoreOptions = {}): FolderStore {
  const hashed: Hashed = new Map();
  let added = 0;
  let opened: OwnLease | undefined;
  const lease = () => {
    opened ??= openLease(dir);
    return opened;
  };
  const prepared = once(async () => {
    makeFolder(dir, incomingFolder(dir));
    const own = lease();
    await removeAbandoned(dir);
    return own;
  });
  // Without fsync: what a power failure tears is found out when it is read, and made again.
  const write = async (path: string, bytes: AsyncIterable<Uint8Array>, size = Number.POSITIVE_INFINITY) => {
    const { name } = await prepared();
    const temporary = join(incomingFolder(dir), `${name}-${randomBytes(6).toString("hex")}`);
    const counted = counting(bytes, (count) => {
      added += count;
    });
    if (size <= SMALL) return replaceSmallFile(path, await gathered(counted), temporary);
    makeFolder(dir, dirname(path));
    await replaceFile(path, counted, { temporary, durable: false });
  };

  return {
    dir,
    added: () => added,
    close: () => opened?.end(),
    get: async (digest) => {
      const path = contentPath(dir, digest);
      const state = await checkContent(path, digest, { hashed, since: lease().since });
      if (state === "whole") return path;
      if (state === "damaged") {
        reporter?.emit({ type: "noted", message: `the cached file ${digest} was damaged and is fetched again` });
      }
      return undefined;
    },
    put: async (expected, bytes) => {
      const path = contentPath(dir, expected.digest);
      await write(path, verified(bytes, expected), expected.size);
      return path;
    },
    recall: async (key) => {
      const { since } = lease();
      return readResult(resultPath(dir, key), { key, since });
    },
    remember: (key, result) => write(resultPath(dir, key), chunksOf(wrapResult(key, result)), result.length),
  };
}

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  return () => {
    running ??= work();
    return running;
  };
}

async function* chunksOf(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, undefined> {
  yield* chunks;
}

async function gathered(bytes: AsyncIterable<Uint8Array>): Promise<readonly Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  // Their maker may use its memory again for the next one.
  for await (const chunk of bytes) chunks.push(Buffer.from(chunk));
  return chunks;
}

async function* counting(
  bytes: AsyncIterable<Uint8Array>,
  onCount: (count: number) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of bytes) {
    onCount(chunk.length);
    yield chunk;
  }
}

function makeFolder(dir: string, path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw new BaseKitError(
      "STORE_UNUSABLE",
      `the cache in ${printable(dir)} cannot be used: ${systemErrorReason(error)}`,
      {
        kind: "environment",
        hint: "Choose another folder with --cache-dir or XDG_CACHE_HOME.",
        cause: error,
      },
    );
  }
}
