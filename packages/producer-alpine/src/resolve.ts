import {
  BaseKitError,
  bytesFromText,
  type Context,
  type Lock,
  type LockedInput,
  type ProducerRequest,
  printable,
  redactUrl,
} from "@base-kit/core";
import { readTextFile, tarSegment } from "@base-kit/rootfs";
import { fetchFile } from "@base-kit/store";
import { type Dependency, parseDependencies } from "./apk/dependency.ts";
import { type InstalledStanza, parseInstalled } from "./apk/installed-database.ts";
import { alpineArchitecture } from "./architecture.ts";
import { checkOptions } from "./check-options.ts";
import { choosePackages, extendWorld, worldWords } from "./choose-packages.ts";
import { findExactVersion } from "./exact-version.ts";
import { requireKeyringThere, trustedKeys } from "./keys.ts";
import type { Minirootfs, Wanted } from "./minirootfs.ts";
import { minirootfsSigner } from "./minirootfs-signature.ts";
import { chooseMirror, publicUrl, withEnvironmentCredentials } from "./mirror.ts";
import { findNewest } from "./newest.ts";
import type { AlpineOptions } from "./options.ts";
import { parseRelease } from "./release.ts";
import { parseRepository, publicLines, type Repository } from "./repositories.ts";

/** What Alpine's own minirootfs is made of. */
const BASE_WORLD = "alpine-baselayout alpine-keys apk-tools busybox libc-utils";

/** Decides which mini root filesystem, by the mirror's list of releases, and which packages, by its signed indexes. */
export async function resolve(request: ProducerRequest<AlpineOptions>, context: Context): Promise<Lock> {
  const options = await checkOptions(request.options);
  const release = parseRelease(request.release);
  const architecture = alpineArchitecture(request.platform);
  if (options.keyring !== undefined) await requireKeyringThere(options.keyring);
  const mirror = await chooseMirror(options.mirror, context);
  const wanted: Wanted = { release, architecture, mirror };
  const isMinirootfs = options.variant !== "packages";
  if (isMinirootfs) tellTrust(mirror, context);
  const base = isMinirootfs ? await resolveMinirootfs(wanted, options, context) : undefined;
  const branch = base?.branch ?? (await branchOf(wanted, context));

  const include = options.include ?? [];
  const packages =
    base !== undefined && include.length === 0
      ? undefined
      : await resolvePackages({ options, wanted, branch, base: base?.found }, context);
  const newest = Math.max(base?.found.date ?? 0, packages?.newest ?? 0);
  return {
    lockVersion: 1,
    producer: "alpine",
    release: request.release ?? release.branch,
    platform: request.platform,
    sourceDateEpoch: request.sourceDateEpoch ?? newest,
    inputs: [...(base?.inputs ?? []), ...(packages?.inputs ?? [])],
    options: { ...options, ...(packages === undefined ? {} : { world: packages.world, repositories: packages.lines }) },
  };
}

interface ResolvedMinirootfs {
  readonly branch: string;
  readonly found: Minirootfs;
  readonly inputs: readonly LockedInput[];
}

async function resolveMinirootfs(
  wanted: Wanted,
  { keyring }: AlpineOptions,
  context: Context,
): Promise<ResolvedMinirootfs> {
  const { release } = wanted;
  const newest = await findNewest(wanted, context);
  const isNewest = release.version === undefined || release.version === newest.version;
  const found = isNewest ? newest : await findExactVersion(wanted, newest, context);
  const { path } = await fetchMinirootfs(found, context);
  const signer = await signerOf(found, { path, keyring }, context);
  const verifiedBy = signer === undefined ? found.verifiedBy : `${signer}; ${found.verifiedBy}`;
  const inputs = [...(isNewest ? [newest.index] : []), lockedInput({ ...found, verifiedBy })];
  return { branch: newest.branch, found: { ...found, date: await newestEntry(found, path, context) }, inputs };
}

/** A folder of this machine is as good as what was put there; a mirror is somebody else's. */
async function signerOf(
  { url }: Minirootfs,
  { path, keyring }: { readonly path: string; readonly keyring: string | undefined },
  context: Context,
): Promise<string | undefined> {
  if (url.protocol === "file:" && keyring === undefined) return undefined;
  return minirootfsSigner({ url: withEnvironmentCredentials(url, context.env), path, keyring }, context);
}

/** Alpine packs some minutes after the date that its list has; with that date the times of its files would be changed. */
async function newestEntry({ sha256, date }: Minirootfs, path: string, context: Context): Promise<number> {
  const key = `alpine-newest-entry:sha256:${sha256}`;
  const kept = await context.store.recall(key);
  if (kept !== undefined) return Number(kept.toString());
  const segment = await tarSegment(path, context);
  const newest = Math.max(date, ...[...segment.entries()].map(({ mtime }) => mtime));
  await context.store.remember(key, Buffer.from(String(newest)));
  return newest;
}

/** Of packages alone there is no version below that of the branch. */
async function branchOf({ release, ...wanted }: Wanted, context: Context): Promise<string> {
  if (release.version !== undefined) {
    throw new BaseKitError(
      "ALPINE_RELEASE_UNKNOWN",
      `packages exist for a branch, not for ${printable(release.version)}`,
      {
        kind: "usage",
        hint: `Ask for ${release.branch.replace(/^v/, "")}.`,
      },
    );
  }
  return release.branch === "latest-stable"
    ? (await findNewest({ release, ...wanted }, context)).branch
    : release.branch;
}

interface PackagesRequest {
  readonly options: AlpineOptions;
  readonly wanted: Wanted;
  readonly branch: string;
  readonly base: Minirootfs | undefined;
}

async function resolvePackages({ options, wanted, branch, base }: PackagesRequest, context: Context) {
  const { architecture, mirror } = wanted;
  const own = ["main", "community"].map((name): Repository => ({ url: new URL(`${branch}/${name}/`, mirror) }));
  const further = (options.repository ?? []).map(parseRepository);
  const there = base === undefined ? undefined : await describeBase(base, context);
  const world = extendWorld(there?.world ?? parseDependencies(BASE_WORLD).valid, options.include ?? []);
  const before = new Set(there?.world ?? []);
  const inputs = await choosePackages(
    {
      repositories: [...own, ...further],
      optional: new Set(own.slice(1)),
      architecture,
      keys: await trustedKeys({ producer: "alpine", architecture, keyring: options.keyring }),
      world,
      asked: new Set(world.filter((each) => !before.has(each)).map(({ name }) => name)),
      installed: there?.installed ?? [],
    },
    context,
  );
  const newest = Math.max(0, ...inputs.map(({ facts }) => Number(facts?.["built"] ?? 0)));
  return { inputs, newest, world: worldWords(world), lines: repositoryLines(branch, options) };
}

/** What is in the mini root filesystem. */
async function describeBase(
  found: Minirootfs,
  context: Context,
): Promise<{ readonly world: readonly Dependency[]; readonly installed: readonly InstalledStanza[] }> {
  const { path } = await fetchMinirootfs(found, context);
  const segments = [await tarSegment(path, context)];
  const world = (await readTextFile({ segments }, "etc/apk/world")) ?? "";
  const installed = (await readTextFile({ segments }, "lib/apk/db/installed")) ?? "";
  return { world: parseDependencies(world).valid, installed: parseInstalled(bytesFromText(installed)) };
}

function fetchMinirootfs({ url, size, sha256, sha512 }: Minirootfs, context: Context) {
  const source = { url: withEnvironmentCredentials(url, context.env), size, sha512 };
  return fetchFile({ ...source, digest: `sha256:${sha256}` }, context);
}

/** For the image: where its users get packages from, never a folder of this machine. */
function repositoryLines(branch: string, { repository }: AlpineOptions): readonly string[] {
  const own = ["main", "community"].map((name) => `https://dl-cdn.alpinelinux.org/alpine/${branch}/${name}`);
  return [...own, ...publicLines(repository)];
}

function lockedInput({ url, size, sha256, sha512, verifiedBy }: Minirootfs): LockedInput {
  const name = url.pathname.slice(url.pathname.lastIndexOf("/") + 1);
  return { name, url: publicUrl(url), size, sha256, sha512, verifiedBy };
}

/** Alpine signs its packages; of the root filesystems it publishes checksums, on the same mirror. */
function tellTrust(mirror: URL, { reporter }: Context): void {
  const where = redactUrl(mirror);
  if (mirror.protocol === "http:") {
    const message = `${where} is plain http: whoever is in between can change the files and their checksums; use https`;
    reporter.emit({ type: "warned", code: "MIRROR_NOT_AUTHENTICATED", message });
    return;
  }
  const because = mirror.protocol === "https:" ? "by its TLS certificate" : "as a folder of this machine";
  reporter.emit({
    type: "noted",
    message: `${where} is trusted ${because}: checksums are compared, they are not signed`,
  });
}
