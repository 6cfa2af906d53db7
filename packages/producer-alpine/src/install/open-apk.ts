import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Context } from "@base-kit/core";
import { type KeepData, keptContents } from "@base-kit/rootfs";
import { unpackedAtMost } from "../apk/gzip-members.ts";
import { type ExpectedPackage, readApk } from "../apk/package-file.ts";
import type { TrustedKeys } from "../apk/signature.ts";
import type { NewPackage } from "./lay-out.ts";

export interface ApkFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
  readonly tag?: string;
  readonly expected: ExpectedPackage;
}

/** Raised when the same package comes to be read as other contents. */
const FORMAT = 4;

/**
 * Opens a package and checks it; one that was checked before is known by its digest.
 *
 * @throws BaseKitError as `readApk`
 */
export async function openApk(file: ApkFile, keys: TrustedKeys, context: Context): Promise<NewPackage> {
  const { expected, sha256, size, tag } = file;
  const name = `${expected.name}-${expected.version}.apk`;
  // Who is trusted may change, so the keys are a part of what was checked.
  const { architecture, checksum } = expected;
  const key = `apk-contents:${FORMAT}:${sha256}:${name}:${architecture}:${checksum}:${identityOf(keys)}`;
  const unpack = async (keep: KeepData) => {
    const bytes = await readFile(file.path);
    const { contents, data } = readApk(bytes, { file: name, keys, expected, limit: unpackedAtMost(bytes.length) });
    await keep([data]);
    return contents;
  };
  const { facts, content } = await keptContents(key, unpack, context);
  return { contents: facts, architecture, checksum, size, sha256, ...(tag === undefined ? {} : { tag }), content };
}

const identities = new WeakMap<TrustedKeys, string>();

function identityOf(keys: TrustedKeys): string {
  const known = identities.get(keys);
  if (known !== undefined) return known;
  const hash = createHash("sha256");
  for (const [name, key] of [...keys].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${name}\0`).update(key.export({ type: "spki", format: "der" }));
  }
  const identity = hash.digest("hex");
  identities.set(keys, identity);
  return identity;
}
