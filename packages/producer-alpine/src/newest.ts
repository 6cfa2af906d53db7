import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { BaseKitError, type Context, isBaseKitError, type LockedInput, redactUrl } from "@base-kit/core";
import { type FetchedBytes, fetchBytes } from "@base-kit/store";
import { type Minirootfs, releasesFolder, type Wanted } from "./minirootfs.ts";
import { publicUrl } from "./mirror.ts";
import type { ReleaseFile } from "./release-index.ts";

const INDEX = "latest-releases.yaml";
/** Real ones have some kilobytes. */
const INDEX_LIMIT = 1024 * 1024;
/** Raised when the list is read in another way. */
const LIST_READING = 1;

export interface Newest extends Minirootfs {
  /** `v3.20` or `edge`: what `latest-stable` stands for now. */
  readonly branch: string;
  /** The list it was found in. */
  readonly index: LockedInput;
}

/**
 * The newest mini root filesystem of a branch.
 *
 * @throws BaseKitError `ALPINE_RELEASE_UNKNOWN` (usage), `ALPINE_INDEX_INVALID` (verification), and those of fetchBytes
 */
export async function findNewest(wanted: Wanted, context: Context): Promise<Newest> {
  const { release, architecture } = wanted;
  const url = new URL(INDEX, releasesFolder(release.branch, wanted));
  const shown = redactUrl(url);
  let fetched: FetchedBytes;
  try {
    fetched = await fetchBytes({ url, limit: INDEX_LIMIT }, context);
  } catch (error) {
    throw isMissing(error) ? await unknownRelease(wanted, error, context) : error;
  }
  const { bytes, sha256 } = fetched;
  const { branch, file, ...listed } = await listedIn(fetched, { url: shown, architecture }, context);
  if (release.branch !== "latest-stable" && release.branch !== branch) {
    throw new BaseKitError("ALPINE_INDEX_INVALID", `${shown} lists files of ${branch}, expected ${release.branch}`, {
      kind: "verification",
      hint: "The mirror is not in order; use another one.",
    });
  }
  return {
    ...listed,
    branch,
    // Not below latest-stable: what is there now will not stay.
    url: new URL(file, releasesFolder(branch, wanted)),
    verifiedBy: `${INDEX} sha256:${sha256}`,
    index: { name: INDEX, url: publicUrl(url), size: bytes.length, sha256, verifiedBy: trustOf(url) },
  };
}

/** The same list says the same again: reading it, and loading what reads it, takes longer than looking it up. */
async function listedIn(
  { bytes, sha256 }: FetchedBytes,
  where: { readonly url: string; readonly architecture: string },
  { store }: Context,
): Promise<ReleaseFile> {
  const key = `alpine-release ${LIST_READING} ${where.architecture} sha256:${sha256}`;
  const kept = await store.recall(key);
  if (kept !== undefined) return JSON.parse(kept.toString()) as ReleaseFile;
  // Loaded here: neither YAML nor zod is small.
  const { parseReleaseIndex } = await import("./release-index.ts");
  const listed = parseReleaseIndex(bytes.toString(), where);
  // A store that cannot be written to costs time only.
  await store.remember(key, Buffer.from(JSON.stringify(listed))).catch(() => {});
  return listed;
}

/** Why a file without signature is believed. */
export function trustOf(url: URL): string {
  if (url.protocol === "https:") return `TLS certificate of ${url.host}, not signed`;
  return url.protocol === "file:" ? "folder of the machine, not signed" : "nothing: plain http, not signed";
}

export function isMissing(error: unknown): boolean {
  return isBaseKitError(error) && ["FETCH_NOT_FOUND", "FILE_NOT_FOUND"].includes(error.code);
}

async function unknownRelease(wanted: Wanted, cause: unknown, context: Context): Promise<BaseKitError> {
  const { release, architecture, mirror } = wanted;
  const name = release.version ?? release.branch.replace(/^v/, "");
  const known = await knownReleases(wanted, context).catch((): string[] => []);
  return new BaseKitError(
    "ALPINE_RELEASE_UNKNOWN",
    `there is no Alpine ${name} for ${architecture} at ${redactUrl(mirror)}`,
    {
      kind: "usage",
      hint:
        known.length > 0
          ? `For ${architecture} it has ${known.join(", ")}.`
          : `It has nothing for ${architecture} that could be found. Is it a mirror of Alpine?`,
      cause,
    },
  );
}

/** Of a folder all that it has. A server cannot be asked, but it has a newest release. */
async function knownReleases(wanted: Wanted, context: Context): Promise<readonly string[]> {
  if (wanted.mirror.protocol !== "file:") {
    if (wanted.release.branch === "latest-stable") return [];
    const { version } = await findNewest({ ...wanted, release: { branch: "latest-stable" } }, context);
    return [`${version} (latest-stable)`, "older ones", "edge"];
  }
  const found: string[] = [];
  for (const branch of await readdir(wanted.mirror)) {
    const names = await readdir(fileURLToPath(releasesFolder(branch, wanted))).catch((): string[] => []);
    if (names.includes(INDEX)) found.push(branch.replace(/^v/, ""));
  }
  return found.sort(byNumbers);
}

/** 3.9 before 3.20. */
function byNumbers(a: string, b: string): number {
  const [left, right] = [a, b].map((name) => name.split(".").map(Number));
  const difference = left?.map((number, at) => number - (right?.[at] ?? 0)).find((each) => each !== 0) ?? 0;
  return Number.isNaN(difference) ? (a < b ? -1 : 1) : difference;
}
