import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, mkdir, readdir, rm, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { BaseKitError, type Digest, printable, type Reporter, type Store } from "@base-kit/core";
import { replaceFile } from "./atomic-file.ts";

export interface CreateStoreOptions {
  /** Hears of damaged files. @default tells nobody */
  readonly reporter?: Reporter;
}

/** Half-written files of killed processes are removed when they are this old. */
const ABANDONED_MS = 24 * 3600 * 1000;

/**
 * A {@link Store} in a folder: `sha256/ab/abcd…`, each file named by its digest. Any number of processes may use it at once.
 * Its files are for reading only.
 */
export function createStore(dir: string, { reporter }: CreateStoreOptions = {}): Store {
  let prepared: Promise<void> | undefined;
  return {
    get: (digest) => get(dir, digest, reporter),
    put: async (expected, bytes) => {
      prepared ??= prepare(dir);
      await prepared;
      const path = pathOf(dir, expected.digest);
      await attempt(dir, () => mkdir(join(path, ".."), { recursive: true }));
      // Without fsync: what a power failure tears is found out by get and fetched again.
      const temporary = join(incoming(dir), `${process.pid}-${randomBytes(8).toString("hex")}`);
      await replaceFile(path, verified(bytes, expected), { temporary, durable: false });
      return path;
    },
  };
}

async function get(dir: string, digest: Digest, reporter: Reporter | undefined): Promise<string | undefined> {
  const path = pathOf(dir, digest);
  const before = await lstat(path).catch(() => undefined);
  if (before === undefined) return undefined;
  // What cannot be read is no better than what is damaged.
  if ((await digestOf(path).catch(() => undefined)) === digest) return path;
  const now = await lstat(path).catch(() => undefined);
  // Unless another process has put the right file there meanwhile.
  if (now?.ino === before.ino) await rm(path, { recursive: true, force: true }).catch(() => {});
  reporter?.emit({ type: "noted", message: `the cached file ${digest} was damaged and is fetched again` });
  return undefined;
}

async function digestOf(path: string): Promise<Digest> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(chunk);
  return `sha256:${hash.digest("hex")}`;
}

/** The bytes, with an error in place of a wrong end. */
async function* verified(
  bytes: AsyncIterable<Uint8Array>,
  { digest, size }: { readonly digest: Digest; readonly size?: number },
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = createHash("sha256");
  let found = 0;
  for await (const chunk of bytes) {
    hash.update(chunk);
    found += chunk.length;
    if (size !== undefined && found > size) throw mismatch(`expected ${size} bytes, found more`);
    yield chunk;
  }
  if (size !== undefined && found !== size) throw mismatch(`expected ${size} bytes, found ${found}`);
  const actual = hash.digest("hex");
  if (digest !== `sha256:${actual}`) throw mismatch(`expected ${digest}, found sha256:${actual}`);
}

function mismatch(what: string): BaseKitError {
  return new BaseKitError("STORE_MISMATCH", `the content is not what it should be: ${what}`, {
    kind: "verification",
    hint: "Nothing of it was kept.",
  });
}

/** @throws BaseKitError `DIGEST_INVALID` (usage): it becomes a path */
function pathOf(dir: string, digest: Digest): string {
  const hex = /^sha256:([0-9a-f]{64})$/.exec(digest)?.[1];
  if (hex === undefined) {
    throw new BaseKitError("DIGEST_INVALID", `not a sha256 digest: ${printable(digest)}`, { kind: "usage" });
  }
  return join(dir, "sha256", hex.slice(0, 2), hex);
}

function incoming(dir: string): string {
  return join(dir, "incoming");
}

async function prepare(dir: string): Promise<void> {
  const folder = incoming(dir);
  await attempt(dir, () => mkdir(folder, { recursive: true }));
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const age = await stat(path).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    );
    if (age > ABANDONED_MS) await unlink(path).catch(() => {});
  }
}

async function attempt<T>(dir: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new BaseKitError(
      "STORE_UNUSABLE",
      `the cache in ${printable(dir)} cannot be used: ${(error as Error).message}`,
      {
        kind: "environment",
        hint: "Choose another folder with --cache-dir or XDG_CACHE_HOME.",
        cause: error,
      },
    );
  }
}
