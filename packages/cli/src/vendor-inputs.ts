import { createReadStream, existsSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import {
  BaseKitError,
  type Context,
  type Digest,
  type LockedInput,
  type LockFile,
  printable,
  step,
} from "@base-kit/core";
import { createStore, fetchFiles, type Obstacle, obstacleIn } from "@base-kit/store";

export interface Vendored {
  readonly directory: string;
  readonly files: number;
  /** Bytes. */
  readonly size: number;
  /** Inputs without a digest, which cannot be kept. */
  readonly skipped: readonly string[];
}

interface Copied {
  readonly digest: Digest;
  readonly size: number;
  open(): AsyncIterable<Uint8Array>;
}

/**
 * That inputs can be copied to a folder, which comes into being if it is missing: before anything is fetched. One that is there may have
 * all of them.
 *
 * @throws BaseKitError `VENDOR_FOLDER` (usage without a name, else environment)
 */
export function requireVendorPlace(directory: string): void {
  if (directory === "") throw refused(directory, { why: "a name is missing" }, "usage");
  const path = resolve(directory);
  let there = path;
  while (!existsSync(there) && there !== dirname(there)) there = dirname(there);
  if (there === path && statSync(path).isDirectory()) return;
  const obstacle = obstacleIn(there);
  if (obstacle !== undefined) throw refused(directory, obstacle, "environment");
}

function refused(directory: string, { why, cause }: Obstacle, kind: "usage" | "environment"): BaseKitError {
  const what = `--vendor ${printable(directory)} is refused: ${why}`;
  return new BaseKitError("VENDOR_FOLDER", what, {
    kind,
    hint: "Name a folder for copies of the inputs. Nothing was fetched.",
    cause,
  });
}

/** Copies the inputs into a folder with the layout of the store: `build --vendor DIR --offline` needs nothing else. */
export async function vendorInputs(directory: string, { platforms }: LockFile, context: Context): Promise<Vendored> {
  const locks = platforms.map(({ lock }) => lock);
  const images = locks.filter(({ producer }) => producer === "image");
  const inputs = locks.filter((lock) => !images.includes(lock)).flatMap((lock) => lock.inputs);
  const files = new Map<Digest, Copied>();
  for (const each of await fetched(inputs, context)) files.set(each.digest, each);
  for (const lock of images) {
    const { lockedBlobs } = await import("./image-producer.ts");
    for (const each of await lockedBlobs(lock, context)) files.set(each.digest, each);
  }
  const store = createStore(directory, { reporter: context.reporter });
  await step(context, `copying them to ${printable(directory)}`, async () => {
    for (const { digest, size, open } of files.values()) {
      context.signal.throwIfAborted();
      if ((await store.get(digest)) === undefined) await store.put({ digest, size }, open());
    }
    store.close();
  });
  const size = [...files.values()].reduce((sum, each) => sum + each.size, 0);
  const skipped = [...new Set(inputs.filter(({ sha256 }) => sha256 === undefined).map((input) => input.name))];
  return { directory, files: files.size, size, skipped };
}

async function fetched(inputs: readonly LockedInput[], context: Context): Promise<readonly Copied[]> {
  const known = [...new Map(inputs.flatMap((input) => (input.sha256 ? [[input.sha256, input]] : []))).values()];
  if (known.length === 0) return [];
  const files = await fetchFiles(known.map(fileSource), context, { title: `fetching ${known.length} inputs` });
  return files.map(({ sha256, size, path }) => ({
    digest: `sha256:${sha256}`,
    size,
    open: () => createReadStream(path, { highWaterMark: 1024 ** 2 }),
  }));
}

function fileSource({ url, size, sha256, sha512 }: LockedInput) {
  return {
    url,
    digest: `sha256:${sha256}` as const,
    ...(size === undefined ? {} : { size }),
    ...(sha512 === undefined ? {} : { sha512 }),
  };
}
