import { basename } from "node:path";
import {
  type Context,
  type Entry,
  type Lock,
  type ProduceOptions,
  type Rootfs,
  type Segment,
  step,
} from "@base-kit/core";
import { applyTweaks, slim } from "@base-kit/debian-tweaks";
import { clampTimes, describeRootfs, fileEntry } from "@base-kit/rootfs";
import { fetchFiles } from "@base-kit/store";
import { withCredentials } from "./archive/credentials.ts";
import { elsewhere } from "./archive/elsewhere.ts";
import { configure } from "./configure/configure.ts";
import { configureScript } from "./configure/script.ts";
import { databaseKey, dpkgDatabase, infoName } from "./dpkg-database/database.ts";
import { type LockedBuild, type LockedPackage, readLock } from "./lock.ts";
import { MemoryBudget } from "./unpack/memory-budget.ts";
import { openPackage } from "./unpack/open-package.ts";
import { parseParagraph } from "./unpack/paragraph.ts";
import { refuseDeb } from "./unpack/refuse.ts";
import { layOut, type NamedPackage, type Tree } from "./unpack/tree.ts";

/** Opened at once; each holds its unpacked data for a moment. */
const AT_ONCE = 4;
/** Bytes of packages; unpacked they have five times as many. */
const SIZE_AT_ONCE = 16 * 1024 ** 2;

interface Installed {
  readonly locked: LockedPackage;
  readonly named: NamedPackage;
}

export interface ProduceDebianOptions extends ProduceOptions {
  /** How long the packages' scripts may take together. @default that of the sandbox */
  readonly scriptsMs?: number;
}

/** Makes the root filesystem of the locked packages: unpacked in memory, with dpkg's database, and configured. */
export async function produce(
  lock: Lock,
  context: Context,
  { onForeseen, keepFailed, scriptsMs }: ProduceDebianOptions = {},
): Promise<Rootfs> {
  const build = await readLock(lock);
  const epoch = lock.sourceDateEpoch;
  const installed = await openPackages(build, lock, context);
  const packages = installed.map(({ named }) => named);
  const tree = layOut(packages, { mergedUsr: build.system.mergedUsr });
  const database = dpkgDatabase(installed, { lost: tree.lost, epoch });
  const own = ownFiles(build, epoch);
  const segments: Segment[] = [
    segmentOf("base", parentsFirst([...tree.folders, ...own])),
    ...installed.map((each) => packageSegment(each, tree, build)),
    segmentOf("dpkg", database),
  ];
  const unpacked = await describeRootfs(segments, lock.platform, { cmd: ["bash"] });
  const clamped = clampTimes(epoch)({
    ...unpacked,
    packages: unpacked.packages.map((each) => withDigest(each, installed)),
  });
  const tweaks = { ...build.options, epoch, architecture: build.system.architecture };
  const scripted = installed.filter(({ named }) => hasScript(named));
  const configured = await configure(
    clamped,
    {
      mode: build.options.configure,
      script: configureScript(preinsts(installed)),
      scripted: scripted.map(({ locked }) => locked.name),
      epoch,
      timeoutMs: scriptsMs,
      keepFailed,
      onStart: () => onForeseen?.(build.options.slim ? slim(clamped, tweaks) : clamped),
    },
    context,
  );
  return step(context, "making a base image of it", async () => {
    const tweaked = await applyTweaks(configured, tweaks);
    return clampTimes(epoch)(tweaked);
  });
}

async function openPackages(build: LockedBuild, lock: Lock, context: Context): Promise<readonly Installed[]> {
  const { packages, system } = build;
  const opening: Promise<Installed>[] = [];
  const budget = new MemoryBudget({ places: AT_ONCE, size: SIZE_AT_ONCE });
  const open = (locked: LockedPackage, path: string): Promise<Installed> =>
    budget.within(locked.size, async () => {
      const name = decodeURIComponent(basename(new URL(locked.url).pathname));
      const opened = await openPackage({ path, sha256: locked.sha256, name }, context);
      return { locked, named: { ...opened, ...identify(opened.contents.control, locked, name) } };
    });
  const others = elsewhere(build, lock, context);
  const sources = packages.map(({ url, size, sha256 }) => ({
    url: withCredentials(url, system.distribution, context),
    elsewhere: () => others(url),
    size,
    digest: `sha256:${sha256}` as const,
  }));
  await fetchFiles(sources, context, {
    title: `fetching ${packages.length} packages`,
    onFile: ({ path }, index) => {
      const started = open(packages[index] as LockedPackage, path);
      started.catch(() => {});
      opening[index] = started;
    },
  });
  return step(context, "unpacking", () => Promise.all(opening));
}

/** A file of another package under this one's name would have its scripts run as this one's. */
function identify(control: string, { name, version, architecture }: LockedPackage, file: string) {
  const paragraph = parseParagraph(control);
  if (paragraph === undefined) return refuseDeb(file, "its control file is not in the format of one");
  const expected = { Package: name, Version: version, Architecture: architecture };
  for (const [key, value] of Object.entries(expected)) {
    const found = paragraph.get(key);
    if (found !== value) return refuseDeb(file, `it says ${key}: ${found ?? "nothing"}, the archive's index ${value}`);
  }
  return { name, version, paragraph };
}

/** Raised when the same package comes to be laid out as other entries. */
const FORMAT = 1;

function packageSegment({ locked, named }: Installed, tree: Tree, { system }: LockedBuild): Segment {
  const entries = tree.files.get(named) ?? [];
  return {
    key: `deb:${FORMAT}:${system.mergedUsr ? "merged" : "split"}:sha256:${locked.sha256}`,
    origin: locked.name,
    entries: () => entries,
  };
}

/** Outside of `produce`, so that a segment holds its entries and not all that was there when it was made. */
function segmentOf(origin: string, entries: readonly Entry[]): Segment {
  return { key: databaseKey(entries), origin, entries: () => entries };
}

function parentsFirst(entries: readonly Entry[]): readonly Entry[] {
  return entries.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/** What debootstrap and the installer write themselves. */
function ownFiles({ system }: LockedBuild, epoch: number): readonly Entry[] {
  return [
    fileEntry("etc/fstab", "# UNCONFIGURED FSTAB FOR BASE SYSTEM\n", { mtime: epoch }),
    fileEntry("etc/apt/sources.list", system.sources.map((line) => `${line}\n`).join(""), { mtime: epoch }),
    ...(system.keyrings ?? []).map(({ path, base64 }) =>
      fileEntry(path, Buffer.from(base64, "base64"), { mtime: epoch }),
    ),
  ];
}

function withDigest<T extends { readonly name: string }>(
  each: T,
  installed: readonly Installed[],
): T & { readonly sha256?: string } {
  const sha256 = installed.find(({ locked }) => locked.name === each.name)?.locked.sha256;
  return sha256 === undefined ? each : { ...each, sha256 };
}

function hasScript({ contents }: NamedPackage): boolean {
  return contents.controlFiles.some(({ name }) => name === "preinst" || name === "postinst");
}

/** The accounts first: every other script may ask for them. */
function preinsts(installed: readonly Installed[]) {
  return installed
    .filter(({ named }) => named.contents.controlFiles.some(({ name }) => name === "preinst"))
    .map(({ named, locked }) => ({ name: locked.name, info: infoName(named), architecture: locked.architecture }))
    .sort((a, b) => Number(b.name === "base-passwd") - Number(a.name === "base-passwd"));
}
