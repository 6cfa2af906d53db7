import { BaseKitError, type Lock, type LockedInput, printable } from "@base-kit/core";
import { type Dependency, parseDependencies } from "./apk/dependency.ts";
import { isVersion } from "./apk/version.ts";
import { checkOptions } from "./check-options.ts";
import type { AlpineOptions } from "./options.ts";

/** A lock's contents, checked as strictly as what a user types: it is a text that anyone may have changed. */
export interface LockedBuild {
  readonly producer: string;
  readonly options: AlpineOptions;
  /** Undefined when the image is made of packages alone. */
  readonly minirootfs: LockedFile | undefined;
  /** In their order of installation. */
  readonly packages: readonly LockedPackage[];
  readonly world: readonly Dependency[];
  /** Lines of /etc/apk/repositories. */
  readonly repositories: readonly string[];
  /** Of packages: where they are, and the name of the key that signed them. */
  readonly indexes: readonly LockedIndex[];
  /** Keys that are trusted besides those of the options. */
  readonly keys: readonly LockedKey[];
}

export interface LockedIndex {
  readonly url: string;
  readonly signer: string;
}

export interface LockedKey {
  readonly name: string;
  readonly url: URL;
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
}

export interface LockedFile {
  readonly name: string;
  readonly url: URL;
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
  readonly sha512: string;
}

export interface LockedPackage {
  readonly url: URL;
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly checksum: string;
  readonly tag?: string;
}

/** @throws BaseKitError `LOCK_INVALID`, `OPTION_INVALID` (usage) */
export async function readLock(lock: Lock): Promise<LockedBuild> {
  const { world, repositories, ...options } = lock.options;
  const checked = await checkOptions(options);
  const isMinirootfs = checked.variant !== "packages";
  const packages = lock.inputs.filter(({ name }) => name.endsWith(".apk")).map((input) => readPackage(lock, input));
  if (!isMinirootfs && packages.length === 0) throw invalid(lock, "it names no package");
  const lines = words(lock, repositories);
  // A tag that no line of the image has would keep its apk from doing anything.
  const tags = new Set(lines.map((line) => /^@(\S+) /.exec(line)?.[1]));
  const isTag = (tag: string | undefined) => tag !== undefined && tags.has(tag);
  return {
    producer: lock.producer,
    options: checked,
    minirootfs: isMinirootfs ? readMinirootfs(lock) : undefined,
    packages: packages.map(({ tag, ...each }) => (isTag(tag) ? { ...each, tag: tag as string } : each)),
    world: parseDependencies(words(lock, world).join(" ")).valid.map(({ tag, ...each }) =>
      isTag(tag) ? { ...each, tag: tag as string } : each,
    ),
    repositories: lines,
    indexes: lock.inputs
      .filter(({ name }) => name.startsWith("APKINDEX of "))
      .map(({ url, verifiedBy = "" }) => ({ url, signer: verifiedBy })),
    keys: lock.inputs.filter(({ name }) => name.endsWith(".rsa.pub")).map((input) => readKey(lock, input)),
  };
}

function readMinirootfs(lock: Lock): LockedFile {
  const files = lock.inputs.filter(({ name }) => /^alpine-minirootfs-[\w.-]+\.tar\.gz$/.test(name));
  const [{ name = "", url = "", size = -1, sha256 = "", sha512 = "" } = {}] = files;
  const isWhole =
    lock.producer === "alpine" &&
    files.length === 1 &&
    isUrl(url) &&
    isFile(size, sha256) &&
    /^[0-9a-f]{128}$/.test(sha512);
  if (isWhole) return { name, url: new URL(url), size, sha256, sha512 };
  throw invalid(lock, "it has to name one alpine-minirootfs-….tar.gz with url, size, sha256 and sha512");
}

function readPackage(lock: Lock, { name: file, url, size = -1, sha256 = "", facts = {} }: LockedInput): LockedPackage {
  const { name = "", version = "", architecture = "", checksum = "", tag } = facts;
  const isWhole =
    isUrl(url) &&
    isFile(size, sha256) &&
    /^[A-Za-z0-9_][\w.+-]*$/.test(name) &&
    isVersion(version) &&
    /^[A-Za-z0-9_]{1,32}$/.test(architecture) &&
    /^Q1[A-Za-z0-9+/]{27}=$/.test(checksum) &&
    (tag === undefined || /^[\w.-]+$/.test(tag));
  if (!isWhole) throw invalid(lock, `what it says of ${printable(file)} is not whole`);
  return {
    url: new URL(url),
    size,
    sha256,
    name,
    version,
    architecture,
    checksum,
    ...(tag === undefined ? {} : { tag }),
  };
}

function readKey(lock: Lock, { name, url, size = -1, sha256 = "" }: LockedInput): LockedKey {
  if (/^[\w@.-]+$/.test(name) && isUrl(url) && isFile(size, sha256)) return { name, url: new URL(url), size, sha256 };
  throw invalid(lock, `what it says of ${printable(name)} is not whole`);
}

function words(lock: Lock, given: unknown): readonly string[] {
  if (given === undefined) return [];
  if (Array.isArray(given) && given.every((word) => typeof word === "string" && /^[\x20-\x7e]+$/.test(word)))
    return given;
  throw invalid(lock, "its world or repositories are not lists of words");
}

function isUrl(url: string): boolean {
  return /^(?:https?|file):/.test(url) && URL.canParse(url);
}

function isFile(size: number, sha256: string): boolean {
  return Number.isSafeInteger(size) && size > 0 && /^[0-9a-f]{64}$/.test(sha256);
}

function invalid({ producer, release }: Lock, why: string): BaseKitError {
  return new BaseKitError(
    "LOCK_INVALID",
    `the lock of ${printable(producer)}:${printable(release)} is not whole: ${why}`,
    {
      kind: "usage",
      hint: "Make the lock again. Nothing was fetched.",
    },
  );
}
