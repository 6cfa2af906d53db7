import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { BaseKitError, type Context, type InstalledPackage, type Lock, type Rootfs, step } from "@base-kit/core";
import { debianMachine, type FetchedRelease, fetchRelease, requireKeyring } from "@base-kit/debian-archive";
import { applyTweaks } from "@base-kit/debian-tweaks";
import { clampTimes, describeRootfs, directorySegment } from "@base-kit/rootfs";
import { type Keyring, parseRelease } from "@base-kit/signatures";
import { publicMirror } from "./archive.ts";
import { debootstrapVersion } from "./debootstrap-version.ts";
import { asInRelease } from "./in-release.ts";
import { type Locked, readLock } from "./locked.ts";
import { asOneSegment } from "./one-segment.ts";
import { requireAbleHost } from "./preflight.ts";
import { requireExecutable } from "./require-executable.ts";
import { withDebootstrap } from "./run-debootstrap.ts";
import { withPublicSources } from "./sources-list.ts";
import { debootstrapDir, findSuite } from "./suite.ts";

/** Runs debootstrap on the locked Release and makes a base image's root filesystem of what it leaves. */
export async function produce(lock: Lock, context: Context): Promise<Rootfs> {
  const locked = await readLock(lock);
  requireNetwork(locked, context);
  const suite = await findSuite(lock.release, debootstrapDir(context.env));
  const { debian: architecture } = debianMachine(lock.platform);
  await requireAbleHost(context);
  await requireExecutable(lock.platform);
  await noteOtherVersion(locked, context);
  const keyring = await lockedKeyring(locked, suite.distribution);
  const fetched = await lockedRelease(lock, { ...locked, keyring }, context);
  const inRelease = asInRelease(fetched, `the Release of ${lock.release}`);

  const { options, mirror } = locked;
  const made = await withDebootstrap(
    { suite, architecture, mirror, keyring, inRelease, options },
    context,
    async (dir) => {
      const digests = await packageDigests(dir);
      const segment = await directorySegment(dir, context);
      const rootfs = await describeRootfs([segment], lock.platform, { cmd: ["bash"] });
      return { ...rootfs, packages: rootfs.packages.map((each) => withDigest(each, digests)) };
    },
  );

  return step(context, "making a base image of it", async (handle) => {
    const build = { epoch: lock.sourceDateEpoch, include: options.include, architecture };
    const sourced = withPublicSources(made, {
      mirror,
      suite: lock.release,
      options,
      instead: publicMirror(suite, architecture),
    });
    const tweaked = await applyTweaks(sourced, { ...options, ...build });
    handle.detail(`${options.tweaks.join(", ")}${options.slim ? ", slim" : ""}`);
    return asOneSegment(clampTimes(lock.sourceDateEpoch)(tweaked));
  });
}

/** debootstrap fetches the packages itself; nothing of ours could hold it back. */
function requireNetwork({ mirror }: Pick<Locked, "mirror">, { offline }: Context): void {
  if (offline !== true || mirror.startsWith("file:")) return;
  throw new BaseKitError("OFFLINE", `debootstrap would fetch packages from ${mirror}, and --offline forbids it`, {
    kind: "network",
    hint: "Give it a mirror in a folder, or build debian:… or ubuntu:…, whose packages are kept in the cache.",
  });
}

/** The keyring decides what is trusted, so a lock fixes that as well. */
async function lockedKeyring({ keyring: { path, sha256 }, options }: Locked, distribution: string): Promise<Keyring> {
  const keyring = await requireKeyring(path, { distribution, isNamed: options.keyring !== undefined });
  if (sha256 === undefined || keyring.sha256 === sha256) return keyring;
  throw new BaseKitError(
    "LOCK_MISMATCH",
    `the keyring ${keyring.source} is not the one of the lock: expected sha256 ${sha256}, found ${keyring.sha256}`,
    {
      kind: "verification",
      hint: "If its package was updated, make the lock again.",
    },
  );
}

/** The Release as the mirror has it now, which must be the one of the lock, and signed: a lock is no proof of that. */
async function lockedRelease(
  lock: Lock,
  { mirror, keyring, releaseFiles }: Pick<Locked, "mirror" | "releaseFiles"> & { readonly keyring: Keyring },
  context: Context,
): Promise<FetchedRelease> {
  const fetched = await fetchRelease({ mirror, suite: lock.release, keyring }, context);
  const changed = fetched.files.find(({ name, sha256 }) => releaseFiles.get(name) !== sha256);
  if (changed === undefined) return fetched;
  const { date } = parseRelease(fetched.verified.text, changed.url);
  throw new BaseKitError(
    "LOCK_MISMATCH",
    `${changed.url} is not the one of the lock: expected sha256 ${releaseFiles.get(changed.name) ?? "of another file"}, found ${changed.sha256}, of ${new Date(date * 1000).toISOString()}`,
    {
      kind: "verification",
      hint: "The mirror was updated since. Make the lock again, or use a mirror that keeps old states (snapshot.debian.org, snapshot.ubuntu.com).",
    },
  );
}

async function noteOtherVersion({ debootstrapVersion: expected }: Locked, context: Context): Promise<void> {
  const version = await debootstrapVersion(context);
  if (expected === undefined || expected === encodeURIComponent(version)) return;
  const message = `the lock was made with debootstrap ${decodeURIComponent(expected)}, this is ${version}: the result may differ`;
  context.reporter.emit({ type: "warned", code: "DEBOOTSTRAP_CHANGED", message });
}

/** By `name_version_architecture`, as the files that debootstrap keeps are named. */
async function packageDigests(dir: string): Promise<ReadonlyMap<string, string>> {
  const folder = join(dir, "var/cache/apt/archives");
  const names = (await readdir(folder)).filter((name) => name.endsWith(".deb"));
  const digests = new Map<string, string>();
  for (const name of names) {
    const hash = createHash("sha256");
    for await (const chunk of createReadStream(join(folder, name))) hash.update(chunk as Buffer);
    digests.set(name.slice(0, -".deb".length), hash.digest("hex"));
  }
  return digests;
}

function withDigest(installed: InstalledPackage, digests: ReadonlyMap<string, string>): InstalledPackage {
  const { name, version, architecture } = installed;
  const sha256 = digests.get(`${name}_${version.replace(":", "%3a")}_${architecture}`);
  return sha256 === undefined ? installed : { ...installed, sha256 };
}
