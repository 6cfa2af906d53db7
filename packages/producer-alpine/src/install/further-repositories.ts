import type { Entry, Segment } from "@base-kit/core";
import { fileEntry, findFile, readTextFile } from "@base-kit/rootfs";
import { ALPINE_KEYS } from "../apk/alpine-keys.ts";
import type { TrustedKeys } from "../apk/signature.ts";
import type { LockedBuild } from "../locked.ts";
import { publicLines } from "../repositories.ts";
import type { NewPackage } from "./lay-out.ts";

export interface FurtherRepositories {
  readonly build: LockedBuild;
  readonly keys: TrustedKeys;
  readonly added: readonly NewPackage[];
  /** Seconds since 1970. */
  readonly epoch: number;
}

const LIST = "etc/apk/repositories";
const KEYS = "etc/apk/keys";

/**
 * What the image's own apk needs to know of further repositories: their lines, without which it refuses a world with their tags, and the
 * keys that signed them. Those on this machine alone mean nothing there.
 */
export async function furtherRepositories(
  base: readonly Segment[],
  { build, keys, added, epoch }: FurtherRepositories,
): Promise<readonly Entry[]> {
  const lines = publicLines(build.options.repository);
  const urls = lines.map((line) => line.replace(/^@\S+ /, "").replace(/\/*$/, "/"));
  const signers = build.indexes.filter(({ url }) => urls.some((each) => url.startsWith(each)));
  const paths = new Set(signers.map(({ signer }) => `${KEYS}/${signer}`));
  // Alpine's come with its package.
  for (const { name } of ALPINE_KEYS) paths.delete(`${KEYS}/${name}`);
  for (const { contents } of added) for (const { path } of contents.members) paths.delete(path);
  const entries = [...paths].flatMap((path) => {
    const key = keys.get(path.slice(KEYS.length + 1))?.export({ type: "spki", format: "pem" });
    const isThere = findFile({ segments: base }, path) !== undefined;
    return key === undefined || isThere ? [] : [fileEntry(path, key, { mtime: epoch })];
  });
  const there = await readTextFile({ segments: base }, LIST);
  if (there === undefined || lines.length === 0) return entries;
  const kept = there.split("\n").filter((line) => line !== "" && !lines.includes(line));
  return [...entries, fileEntry(LIST, [...kept, ...lines].map((line) => `${line}\n`).join(""), { mtime: epoch })];
}
