import { createHash } from "node:crypto";
import { BaseKitError, type Entry, type Rootfs, type Segment, type SegmentArchive } from "@base-kit/core";
import { isSameTree, type OwnedEntry, ownedEntries } from "@base-kit/rootfs";

/** A part of a layer's tar that is made, compressed and kept by itself. */
export interface MemberPlan {
  /** A digest of everything that determines its bytes before compression. */
  readonly key: string;
  entries(): readonly Entry[];
  /** How many they are. */
  readonly count: number;
  /** Bytes of the files among them. */
  readonly size: number;
  /** The same as a tar, end and all, where it is at hand. */
  readonly archive?: SegmentArchive;
}

export interface LayerPlan {
  /** In a few words, for `docker history`; empty when there is nothing to tell apart. */
  readonly title: string;
  readonly members: readonly MemberPlan[];
}

/**
 * The layers of a root filesystem, bottom first, and the members of each: first all directories, which segments share, then what
 * each segment alone has. So a member depends on its segment and on nothing that other segments bring. A root filesystem of
 * one segment has nothing to share and is one member in the order of its tree.
 *
 * With more than one layer, the largest groups of packages (those of one source) get one each, all others share one, and what
 * base-kit wrote itself comes on top. A directory is in each layer that has something in it, everywhere the same.
 *
 * @throws BaseKitError `ROOTFS_EMPTY` (unsupported): engines take an empty layer and nobody can use the image
 */
export function planLayers(rootfs: Pick<Rootfs, "segments" | "packages">, atMost = 1): readonly LayerPlan[] {
  const [only, ...others] = rootfs.segments;
  if (only !== undefined && others.length === 0) {
    const asItIs = archivedMember(only);
    if (asItIs !== undefined) return [{ title: "", members: [asItIs] }];
  }
  const owned = ownedEntries(rootfs);
  if (owned.every(({ entry }) => entry.path === "")) refuseEmpty();
  if (only !== undefined && others.length === 0) return [{ title: "", members: [wholeMember(only, owned)] }];
  return groups(rootfs, owned, atMost).map(({ title, segments }) => ({
    title,
    members: membersOf(segments, owned),
  }));
}

function refuseEmpty(): never {
  throw new BaseKitError("ROOTFS_EMPTY", "the root filesystem is empty", {
    kind: "unsupported",
    hint: "Check the input and the exclude patterns. Nothing was written.",
  });
}

/** A segment whose archive is the layer: its entries need not be made. */
function archivedMember({ key, entries, archive, tree }: Segment): MemberPlan | undefined {
  if (archive === undefined || tree === undefined) return undefined;
  if (tree.count === 1) refuseEmpty();
  return {
    key: memberKey(`archive ${key}`, []),
    entries: () => [...entries()],
    count: tree.count,
    size: tree.size,
    archive,
  };
}

function wholeMember(segment: Segment, owned: readonly OwnedEntry[]): MemberPlan {
  const { archive } = segment;
  const whole = member(segment.key, owned);
  const usable = archive !== undefined && isSameTree(segment.entries(), whole.entries());
  return { ...whole, ...(usable ? { archive } : {}) };
}

function membersOf(segments: ReadonlySet<Segment>, owned: readonly OwnedEntry[]): readonly MemberPlan[] {
  const own = owned.filter(({ segment }) => segments.has(segment));
  const directories = owned.filter(({ entry }) => entry.type === "directory");
  const folders = own.length === owned.length ? undefined : foldersOf(own);
  const shared = directories.filter(
    ({ entry, segment }) => folders === undefined || segments.has(segment) || folders.has(entry.path),
  );
  const bySegment = new Map<Segment, OwnedEntry[]>();
  for (const each of own) {
    if (each.entry.type === "directory") continue;
    const list = bySegment.get(each.segment);
    if (list === undefined) bySegment.set(each.segment, [each]);
    else list.push(each);
  }
  return [
    ...(shared.length === 0 ? [] : [member("", shared)]),
    ...[...segments].flatMap((segment) => {
      const list = bySegment.get(segment);
      return list === undefined ? [] : [member(segment.key, list)];
    }),
  ];
}

function member(segmentKey: string, owned: readonly OwnedEntry[]): MemberPlan {
  const entries = owned.map(({ entry }) => entry);
  const size = entries.reduce((sum, entry) => sum + (entry.type === "file" ? entry.size : 0), 0);
  return { key: memberKey(segmentKey, owned), entries: () => entries, count: entries.length, size };
}

/** All folders on the way to the entries, the root among them. */
function foldersOf(owned: readonly OwnedEntry[]): ReadonlySet<string> {
  const folders = new Set<string>();
  for (const { entry } of owned) {
    for (let path: string = entry.path; path !== ""; ) {
      path = path.slice(0, Math.max(0, path.lastIndexOf("/")));
      if (folders.has(path)) break;
      folders.add(path);
    }
  }
  return folders;
}

/** Raised when the same entries come to be written as other bytes. */
const FORMAT = 1;

/**
 * The segment's key vouches for the content of files. All else is in the digest: what merging made of the segment depends on the
 * others too.
 */
function memberKey(segmentKey: string, owned: readonly OwnedEntry[]): string {
  let text = `${FORMAT}\n${segmentKey}`;
  for (const { entry, source } of owned) {
    const { path, type, mode, uid, gid, mtime } = entry;
    const from = source === path ? "" : source;
    text += `\n\0${path}\0${from}\0${type}\0${mode}\0${uid}\0${gid}\0${mtime}\0${own(entry)}\0${xattrs(entry)}`;
  }
  return createHash("sha256").update(text, "utf8").digest("hex");
}

function own(entry: Entry): string | number {
  switch (entry.type) {
    case "file":
      return entry.size;
    case "symlink":
    case "hardlink":
      return entry.target;
    case "character-device":
    case "block-device":
      return `${entry.major}:${entry.minor}`;
    default:
      return "";
  }
}

function xattrs({ xattrs }: Entry): string {
  if (xattrs === undefined) return "";
  return [...xattrs].map(([name, value]) => `${name}=${Buffer.from(value).toString("hex")}`).join("\0");
}

interface Group {
  readonly title: string;
  readonly segments: ReadonlySet<Segment>;
}

function groups(
  rootfs: Pick<Rootfs, "segments" | "packages">,
  owned: readonly OwnedEntry[],
  atMost: number,
): readonly Group[] {
  if (atMost < 2) return [{ title: "", segments: new Set(rootfs.segments) }];
  const sources = new Map(rootfs.packages.map(({ name, source }) => [name, source ?? name]));
  const packages = new Map<string, Segment[]>();
  const written: Segment[] = [];
  for (const segment of rootfs.segments) {
    const source = segment.origin === "base" ? "base" : sources.get(segment.origin);
    if (source === undefined) written.push(segment);
    else packages.set(source, [...(packages.get(source) ?? []), segment]);
  }
  const sizes = sizesOf(owned);
  const sizeOf = (segments: readonly Segment[]) => segments.reduce((sum, each) => sum + (sizes.get(each) ?? 0), 0);
  const bySize = [...packages]
    .map(([name, segments]) => ({ name, segments, size: sizeOf(segments) }))
    .sort((a, b) => b.size - a.size || (a.name < b.name ? -1 : 1));
  const room = atMost - (written.length > 0 ? 1 : 0);
  const alone = bySize.slice(0, bySize.length > room ? room - 1 : room);
  const together = bySize.slice(alone.length).flatMap(({ segments }) => segments);
  const inOrder = (some: readonly Segment[]) => new Set(rootfs.segments.filter((each) => some.includes(each)));
  return [
    ...alone.map(({ name, segments }) => ({ title: name, segments: inOrder(segments) })),
    { title: "other packages", segments: inOrder(together) },
    { title: "configuration", segments: inOrder(written) },
  ].filter(({ segments }) => segments.size > 0);
}

function sizesOf(owned: readonly OwnedEntry[]): ReadonlyMap<Segment, number> {
  const sizes = new Map<Segment, number>();
  for (const { entry, segment } of owned) {
    // A header for every entry: thousands of links are not nothing.
    sizes.set(segment, (sizes.get(segment) ?? 0) + 512 + (entry.type === "file" ? entry.size : 0));
  }
  return sizes;
}
