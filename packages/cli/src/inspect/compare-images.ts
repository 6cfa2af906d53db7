import { type Context, canonicalJson, type Digest, type InstalledPackage } from "@base-kit/core";
import { compareTreeOrder } from "@base-kit/tar";
import { type ComparedTree, compareEntries, type FieldChange, linksOf } from "./compare-entries.ts";
import type { Examined } from "./examine.ts";
import { shownPath } from "./report.ts";

/** What differs between two images; everything is empty when they are the same. Sizes are bytes. */
export interface ImageDifference {
  readonly same: boolean;
  readonly packages: {
    readonly added: readonly PackageVersion[];
    readonly removed: readonly PackageVersion[];
    readonly changed: readonly { readonly name: string; readonly before: string; readonly after: string }[];
  };
  readonly files: {
    readonly added: readonly string[];
    readonly removed: readonly string[];
    readonly changed: readonly ChangedFile[];
    /** Paths of which only the time differs. */
    readonly onlyTime: number;
  };
  readonly config: readonly { readonly field: string; readonly before?: unknown; readonly after?: unknown }[];
  /** Of the second image, what the first one has too: nobody who has the first transfers it again. */
  readonly layers: {
    readonly reused: { readonly count: number; readonly size: number };
    readonly new: { readonly count: number; readonly size: number };
  };
  readonly size: { readonly before: number; readonly after: number };
}

export interface PackageVersion {
  readonly name: string;
  readonly version: string;
}

export interface ChangedFile {
  readonly path: string;
  readonly changes: readonly FieldChange[];
}

export async function compareImages(before: Examined, after: Examined, context: Context): Promise<ImageDifference> {
  const { reused, fresh } = layersOf(before, after);
  const difference = {
    packages: comparePackages(before.packages, after.packages),
    files: await compareFiles(before, after, context),
    config: compareConfigs(before, after),
    layers: { reused, new: fresh },
    size: { before: sizeOf(before), after: sizeOf(after) },
  };
  return { same: before.image.manifest.digest === after.image.manifest.digest, ...difference };
}

function sizeOf({ image }: Examined): number {
  return image.layers.reduce((sum, { size }) => sum + size, 0);
}

function layersOf(before: Examined, after: Examined) {
  const there = new Set<Digest>(before.image.layers.map(({ digest }) => digest));
  const sum = (layers: Examined["image"]["layers"]) => ({
    count: layers.length,
    size: layers.reduce((total, { size }) => total + size, 0),
  });
  return {
    reused: sum(after.image.layers.filter(({ digest }) => there.has(digest))),
    fresh: sum(after.image.layers.filter(({ digest }) => !there.has(digest))),
  };
}

function comparePackages(
  before: readonly InstalledPackage[],
  after: readonly InstalledPackage[],
): ImageDifference["packages"] {
  const [was, is] = [byName(before), byName(after)];
  const versions = (from: ReadonlyMap<string, string>, without: ReadonlyMap<string, string>) =>
    [...from].filter(([name]) => !without.has(name)).map(([name, version]) => ({ name, version }));
  return {
    added: versions(is, was),
    removed: versions(was, is),
    changed: [...was].flatMap(([name, version]) => {
      const now = is.get(name);
      return now === undefined || now === version ? [] : [{ name, before: version, after: now }];
    }),
  };
}

/** With the architecture where one name is there for several. */
function byName(packages: readonly InstalledPackage[]): ReadonlyMap<string, string> {
  const count = new Map<string, number>();
  for (const { name } of packages) count.set(name, (count.get(name) ?? 0) + 1);
  return new Map(
    packages.map(({ name, version, architecture }) => [
      (count.get(name) ?? 0) > 1 ? `${name}:${architecture}` : name,
      version,
    ]),
  );
}

async function compareFiles(before: Examined, after: Examined, context: Context): Promise<ImageDifference["files"]> {
  const trees: readonly [ComparedTree, ComparedTree] = [treeOf(before), treeOf(after)];
  const changed: ChangedFile[] = [];
  let onlyTime = 0;
  for (const path of before.byPath.keys()) {
    context.signal.throwIfAborted();
    if (!after.byPath.has(path)) continue;
    const changes = await compareEntries(path, trees);
    if (changes.length === 0) continue;
    if (changes.every(({ field }) => field === "time")) onlyTime += 1;
    else changed.push({ path: shownPath(path), changes });
  }
  // Some archives list the root folder itself, some do not; it is there.
  const missing = (from: Examined, other: Examined) =>
    [...from.byPath.keys()]
      .filter((path) => path !== "" && !other.byPath.has(path))
      .sort(compareTreeOrder)
      .map(shownPath);
  return { added: missing(after, before), removed: missing(before, after), changed, onlyTime };
}

function treeOf({ byPath }: Examined): ComparedTree {
  return { byPath, links: linksOf(byPath) };
}

function compareConfigs(before: Examined, after: Examined): ImageDifference["config"] {
  const [was, is] = [before.config.fields, after.config.fields];
  const fields = [...new Set([...was.keys(), ...is.keys()])].sort();
  const differing = fields.filter(
    (each) => canonicalJson(was.get(each) ?? null) !== canonicalJson(is.get(each) ?? null),
  );
  return [
    ...differing.map((field) => ({ field, ...side("before", was.get(field)), ...side("after", is.get(field)) })),
    ...historyDifference(before.config.createdBy, after.config.createdBy),
  ];
}

function side(name: "before" | "after", value: unknown) {
  return value === undefined ? {} : { [name]: value };
}

function historyDifference(before: readonly string[], after: readonly string[]): ImageDifference["config"] {
  return canonicalJson(before) === canonicalJson(after) ? [] : [{ field: "history", before, after }];
}
