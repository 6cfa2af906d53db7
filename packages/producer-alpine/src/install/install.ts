import { createHash } from "node:crypto";
import {
  type ByteString,
  bytesFromText,
  type Context,
  type Entry,
  type Segment,
  step,
  textFromBytes,
} from "@base-kit/core";
import { directoryEntry, fileEntry, mergedEntries, readTextFile, removePaths } from "@base-kit/rootfs";
import { allAtOnce, fetchFile, fetchFiles } from "@base-kit/store";
import { type InstalledStanza, parseInstalled } from "../apk/installed-database.ts";
import type { KeptScript } from "../apk/scripts-archive.ts";
import type { TrustedKeys } from "../apk/signature.ts";
import { filesOf } from "../apk/small-tar.ts";
import { keyFrom, trustedKeys } from "../keys.ts";
import type { LockedBuild, LockedKey } from "../locked.ts";
import { withEnvironmentCredentials } from "../mirror.ts";
import { type Accounts, parseAccounts } from "./accounts.ts";
import { configureChanges, withChanges } from "./configure.ts";
import { apkDatabase } from "./database.ts";
import { furtherRepositories } from "./further-repositories.ts";
import { type Base, type LaidOut, layOut, type NewPackage } from "./lay-out.ts";
import { openApk } from "./open-apk.ts";

export interface InstallJob {
  readonly build: LockedBuild;
  /** Alpine's name. */
  readonly architecture: string;
  /** Seconds since 1970. */
  readonly epoch: number;
  /** Where it is kept what scripts that fail leave. */
  readonly keepFailed?: string | undefined;
}

/** Adds the locked packages to a root filesystem, or makes one of them, and configures them. */
export async function install(
  base: readonly Segment[],
  job: InstallJob,
  context: Context,
): Promise<readonly Segment[]> {
  const { build, architecture, epoch, keepFailed } = job;
  const keys = await keysOf(job, context);
  const added = await openPackages(job, keys, context);
  const before = mergedEntries({ segments: base });
  const there = await readDatabase(base);
  const names = new Set(added.map(({ contents }) => contents.info.name));
  const kept = there.stanzas.filter(({ info }) => !names.has(info.name));
  const gone = there.stanzas.filter(({ info }) => names.has(info.name));
  const paths = new Set(before.map(({ path }) => path));
  const settings = await checksumsOf(before, settingsOf(added));
  const further = await furtherRepositories(base, { build, keys, added, epoch });
  const own = [...(base.length === 0 ? skeleton(build, epoch) : []), ...further];
  const laidOut = (accounts: Accounts) => {
    const laid = layOut(added, { installed: kept, paths, settings }, accounts);
    const segments = [
      ...cleared(base, [...laid.replaced, ...gone.flatMap(({ files }) => files), ...pathsOf(further), ...DATABASE]),
      // A package knows better what its folders are.
      segment("base", [...own, ...laid.folders]),
      ...added.map((each) => packageSegment(each, laid, accounts)),
    ];
    return { laid, segments };
  };
  const first = await step(context, "installing", async () => laidOut(await accountsOf(laidOut(NO_ACCOUNTS).segments)));
  const mode = build.options.configure ?? "auto";
  const running = { mode, architecture, added, laid: first.laid, kept: there, epoch, keepFailed };
  const changes = await configureChanges(first, running, context);
  // Scripts make accounts, and files belong to them by name.
  const accounts = await accountsOf(withChanges(first.segments, changes));
  const { laid, segments } = laidOut(accounts);
  const database = apkDatabase({
    kept,
    keptScripts: kept.flatMap((each) => there.scripts.filter(({ name }) => isOf(name, each))),
    keptTriggers: there.triggers.filter((line) => !gone.some(({ info }) => line.startsWith(info.checksum))),
    added,
    lost: laid.lost,
    accounts,
    world: build.world,
    architecture,
    epoch,
  });
  return withChanges([...segments, segment("apk", database)], changes);
}

const DATABASE = ["etc/apk/world", "etc/apk/arch", "installed", "lock", "scripts.tar", "triggers"].map((name) =>
  name.startsWith("etc/") ? name : `lib/apk/db/${name}`,
);
const NO_ACCOUNTS: Accounts = { users: new Map(), groups: new Map() };

function settingsOf(packages: readonly NewPackage[]): ReadonlySet<string> {
  const paths = packages.flatMap(({ contents }) => contents.members.map(({ path }) => path));
  return new Set(paths.filter((path) => path.startsWith("etc/")));
}

async function checksumsOf(entries: readonly Entry[], paths: ReadonlySet<string>): Promise<Base["settings"]> {
  const checksums = new Map<string, string>();
  for (const entry of entries) {
    if (entry.type !== "file" || !paths.has(entry.path)) continue;
    const hash = createHash("sha1");
    for await (const part of entry.content()) hash.update(part);
    checksums.set(entry.path, `Q1${hash.digest("base64")}`);
  }
  return checksums;
}

async function accountsOf(segments: readonly Segment[]): Promise<Accounts> {
  const read = async (path: string) => (await readTextFile({ segments }, path)) ?? "";
  return parseAccounts(await read("etc/passwd"), await read("etc/group"));
}

function pathsOf(entries: readonly Entry[]): readonly string[] {
  return entries.map(({ path }) => path);
}

async function keysOf({ build, architecture }: InstallJob, context: Context): Promise<TrustedKeys> {
  const { producer, keys, options } = build;
  if (keys.length === 0) return trustedKeys({ producer, architecture, keyring: options.keyring });
  const fetched = await allAtOnce(keys, context, fetchKey);
  return new Map(fetched.flatMap((each) => [...each]));
}

async function openPackages(
  { build: { packages } }: InstallJob,
  keys: TrustedKeys,
  context: Context,
): Promise<readonly NewPackage[]> {
  if (packages.length === 0) return [];
  const sources = packages.map(({ url, size, sha256 }) => ({
    url: withEnvironmentCredentials(url, context.env),
    size,
    digest: `sha256:${sha256}` as const,
  }));
  const files = await fetchFiles(sources, context, { title: `fetching ${packages.length} packages` });
  const opened: NewPackage[] = [];
  for (const [at, { name, version, architecture: listed, checksum, size, sha256, tag }] of packages.entries()) {
    context.signal.throwIfAborted();
    const path = (files[at] as { readonly path: string }).path;
    const expected = { name, version, architecture: listed, checksum };
    const file = { path, size, sha256, expected, ...(tag === undefined ? {} : { tag }) };
    opened.push(await openApk(file, keys, context));
  }
  return opened;
}

async function fetchKey({ name, url, size, sha256 }: LockedKey, context: Context): Promise<TrustedKeys> {
  const source = { url: withEnvironmentCredentials(url, context.env), size };
  const { path } = await fetchFile({ ...source, digest: `sha256:${sha256}` }, context);
  return keyFrom(path, name);
}

export interface ThereDatabase {
  readonly stanzas: readonly InstalledStanza[];
  readonly scripts: readonly KeptScript[];
  /** Lines with their ends. */
  readonly triggers: readonly string[];
}

async function readDatabase(segments: readonly Segment[]): Promise<ThereDatabase> {
  const read = async (path: string) => (await readTextFile({ segments }, path)) ?? "";
  const triggers = await read("lib/apk/db/triggers");
  const installed = parseInstalled(bytesFromText(await read("lib/apk/db/installed")));
  const archive = mergedEntries({ segments }).find(({ path }) => path === "lib/apk/db/scripts.tar");
  const scripts: KeptScript[] = [];
  if (archive?.type === "file") {
    const parts: Uint8Array[] = [];
    for await (const part of archive.content()) parts.push(part);
    const times = new Map(
      installed.map(({ info }) => [`${info.name}-${info.version}.${info.checksum}`, info.buildTime]),
    );
    for (const [path, content] of filesOf(Buffer.concat(parts), "scripts.tar")) {
      const name = textFromBytes(path);
      scripts.push({ name, content, mtime: times.get(name.slice(0, name.lastIndexOf("."))) ?? 0 });
    }
  }
  return { stanzas: installed, scripts, triggers: triggers.split(/(?<=\n)/).filter((line) => line !== "") };
}

function isOf(script: string, { info }: InstalledStanza): boolean {
  return script.startsWith(`${info.name}-${info.version}.${info.checksum}.`);
}

function cleared(base: readonly Segment[], paths: readonly string[]): readonly Segment[] {
  if (base.length === 0) return [];
  const texts = paths.map((path) => textFromBytes(path as ByteString));
  return removePaths(texts)({ segments: base } as never).segments;
}

/** What apk makes before anything is installed, apk-tools 2.14 `apk_db_create`, without device nodes. */
function skeleton({ repositories }: LockedBuild, mtime: number): readonly Entry[] {
  const folders = [
    "",
    "dev",
    "etc",
    "etc/apk",
    "lib",
    "lib/apk",
    "lib/apk/db",
    "var",
    "var/cache",
    "var/cache/apk",
    "var/cache/misc",
  ];
  return [
    ...folders.map((path) => directoryEntry(path, { mtime })),
    directoryEntry("proc", { mode: 0o555, mtime }),
    directoryEntry("tmp", { mode: 0o1777, mtime }),
    fileEntry("etc/apk/repositories", repositories.map((line) => `${line}\n`).join(""), { mtime }),
  ];
}

/** Raised when the same package comes to be laid out as other entries. */
const FORMAT = 1;

function packageSegment(each: NewPackage, laid: LaidOut, accounts: Accounts): Segment {
  const entries = laid.files.get(each) ?? [];
  const owners = entries.map(({ uid, gid }) => `${uid}:${gid}`).join(" ");
  const id = createHash("sha256")
    .update(accounts.users.size === 0 ? "" : owners)
    .digest("hex");
  return { key: `apk:${FORMAT}:sha256:${each.sha256}:${id}`, origin: each.contents.info.name, entries: () => entries };
}

/** Entries of our own making, their content at hand. */
export function segment(origin: string, entries: readonly Entry[]): Segment {
  const hash = createHash("sha256");
  for (const entry of entries) {
    hash.update(`${entry.path}\0${entry.type}\0${entry.mode}\0${entry.uid}\0${entry.gid}\0${entry.mtime}\0`);
    if (entry.type === "file") for (const chunk of entry.content() as Iterable<Uint8Array>) hash.update(chunk);
  }
  return { key: `alpine-${origin}:sha256:${hash.digest("hex")}`, origin, entries: () => entries };
}
