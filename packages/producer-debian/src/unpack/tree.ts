import type { ByteString, DirectoryEntry, Entry } from "@base-kit/core";
import { BaseKitError, printable } from "@base-kit/core";
import { symlinkEntry } from "@base-kit/rootfs";
import { admits, parseRelations } from "../index/relation.ts";
import { MERGED, mergedPath } from "./merged-paths.ts";
import type { OpenedPackage } from "./open-package.ts";
import { keepOtherNames } from "./other-names.ts";
import { field, type Paragraph } from "./paragraph.ts";
import { throughLinks } from "./through-links.ts";
import type { DataMember } from "./unpacked.ts";

/** A package ready to be laid out: what the archive says of it, what it says of itself, and its files. */
export interface NamedPackage extends OpenedPackage {
  readonly name: string;
  readonly version: string;
  readonly paragraph: Paragraph;
}

export interface Tree {
  /** All directories, and the links of a merged system. */
  readonly folders: readonly Entry[];
  /** What each package alone has; without directories. */
  readonly files: ReadonlyMap<NamedPackage, readonly Entry[]>;
  /** Paths, as the package wrote them, that went to another package which replaces it. */
  readonly lost: ReadonlyMap<NamedPackage, ReadonlySet<string>>;
}

/**
 * Lays the files of packages out as one tree, as dpkg does when it unpacks them: directories belong to all of them, a file to one. A
 * package that says it replaces another one takes its files over.
 *
 * @throws BaseKitError `DEBIAN_TWO_OWNERS`, `DEBIAN_TWO_KINDS`, `DEBIAN_NOT_A_FOLDER`, `DEBIAN_LINK_LOOP` (verification)
 */
export function layOut(packages: readonly NamedPackage[], { mergedUsr }: { readonly mergedUsr: boolean }): Tree {
  const folders = new Map<ByteString, Entry>();
  const owners = new Map<ByteString, NamedPackage>();
  const files = new Map<NamedPackage, Map<ByteString, Entry>>(packages.map((each) => [each, new Map()]));
  const lost = new Map<NamedPackage, Set<string>>();
  const replaced = new Map<NamedPackage, Map<ByteString, Entry>>();
  const merged = (path: string) => (mergedUsr ? mergedPath(path) : (path as ByteString));
  const through = throughLinks(linksOf(packages, merged));
  const place = (path: string) => through(merged(path));
  for (const each of packages) {
    for (const member of each.contents.members) {
      const path = place(member.path);
      if (member.type === "directory") {
        const link = mergedUsr ? MERGED.find((name) => name === path) : undefined;
        if (link !== undefined) {
          if (!folders.has(path)) folders.set(path, symlinkEntry(link, `usr/${link}`, { mtime: member.mtime }));
          if (!folders.has(`usr/${link}` as ByteString))
            folders.set(`usr/${link}` as ByteString, folder(member, `usr/${link}`));
        } else if (!folders.has(path)) folders.set(path, folder(member, path));
        continue;
      }
      const other = owners.get(path);
      if (other !== undefined && other !== each) {
        const winner = replaces(each, other) ? each : replaces(other, each) ? other : twoOwners(path, other, each);
        const loser = winner === each ? other : each;
        lost.set(loser, (lost.get(loser) ?? new Set()).add(`/${member.path}`));
        const gone = winner === each ? files.get(other)?.get(path) : entryOf(member, path, each, place);
        if (gone !== undefined) replaced.set(loser, (replaced.get(loser) ?? new Map()).set(path, gone));
        if (winner !== each) continue;
        files.get(other)?.delete(path);
      }
      // The later one counts, as when it is unpacked; what was something else is no mistake that anybody makes.
      const before = other === each ? files.get(each)?.get(path)?.type : undefined;
      if (before !== undefined && before !== member.type) twoKinds(path, [each, before], [each, member.type]);
      owners.set(path, each);
      files.get(each)?.set(path, entryOf(member, path, each, place));
    }
  }
  for (const [loser, gone] of replaced) keepOtherNames(files.get(loser) ?? new Map(), gone);
  for (const [path, owner] of owners) requireFolder(path, owner);
  for (const path of [...folders.keys()]) {
    const owner = owners.get(path);
    if (owner === undefined) continue;
    const type = files.get(owner)?.get(path)?.type;
    if (type !== undefined && type !== "symlink") twoKinds(path, [owner, type], [bringerOf(path), "directory"]);
    folders.delete(path);
  }
  return {
    folders: [...folders.values()],
    files: new Map([...files].map(([each, map]) => [each, [...map.values()]])),
    lost,
  };

  function bringerOf(path: ByteString): NamedPackage {
    const brings = ({ contents }: NamedPackage) =>
      contents.members.some((member) => member.type === "directory" && place(member.path) === path);
    return packages.find(brings) as NamedPackage;
  }

  /** What is in a file cannot be: a layer with it would not unpack. */
  function requireFolder(path: ByteString, owner: NamedPackage): void {
    const parent = path.slice(0, Math.max(0, path.lastIndexOf("/"))) as ByteString;
    const other = owners.get(parent);
    if (other === undefined) return;
    throw new BaseKitError(
      "DEBIAN_NOT_A_FOLDER",
      `${owner.name} ${printable(owner.version)} has ${printable(`/${path}`)}, and ${printable(`/${parent}`)} is a file of ${other.name}`,
      { kind: "verification", hint: "dpkg would refuse to install this. Nothing was written." },
    );
  }
}

/** All symbolic links of packages, but those that a merged system has itself. */
function linksOf(
  packages: readonly NamedPackage[],
  merged: (path: string) => ByteString,
): ReadonlyMap<ByteString, ByteString> {
  const links = new Map<ByteString, ByteString>();
  for (const { contents } of packages) {
    for (const { type, path, target } of contents.members) {
      if (type === "symlink" && target !== undefined) links.set(merged(path), target as ByteString);
    }
  }
  return links;
}

function folder({ mode, uid, gid, mtime }: DataMember, path: string): DirectoryEntry {
  return { type: "directory", path: path as ByteString, mode, uid, gid, mtime };
}

function entryOf(
  member: DataMember,
  path: ByteString,
  from: OpenedPackage,
  place: (path: string) => ByteString,
): Entry {
  const { mode, uid, gid, mtime } = member;
  const xattrs = member.xattrs === undefined ? {} : { xattrs: decoded(member.xattrs) };
  const metadata = { path, mode, uid, gid, mtime, ...xattrs };
  const target = (member.target ?? "") as ByteString;
  switch (member.type) {
    case "symlink":
      return { type: "symlink", ...metadata, target };
    case "hardlink":
      return { type: "hardlink", ...metadata, target: place(target) };
    case "character-device":
    case "block-device":
      return { type: member.type, ...metadata, major: member.major ?? 0, minor: member.minor ?? 0 };
    case "fifo":
      return { type: "fifo", ...metadata };
    default: {
      // All that is kept of the package with its tree, for as long as there is the tree.
      const { content } = from;
      const { offset = 0, size = 0 } = member;
      return { type: "file", ...metadata, size, content: () => content({ offset, size }) };
    }
  }
}

function decoded(xattrs: Readonly<Record<string, string>>): ReadonlyMap<ByteString, Uint8Array> {
  return new Map(Object.entries(xattrs).map(([name, value]) => [name as ByteString, Buffer.from(value, "base64")]));
}

/** Debian Policy §7.6.1: files of a package that is named in `Replaces`, in the version it has. */
function replaces(one: NamedPackage, other: NamedPackage): boolean {
  const relations = parseRelations(field(one.paragraph, "Replaces") ?? "", one.name).flat();
  return relations.some((relation) => relation.name === other.name && admits(relation, other.version));
}

type Kind = readonly [from: NamedPackage, type: Entry["type"]];

function twoKinds(path: ByteString, ...kinds: readonly Kind[]): never {
  const all = kinds.map(([{ name, version }, type]) => `in ${name} ${printable(version)} a ${type}`);
  throw new BaseKitError("DEBIAN_TWO_KINDS", `${printable(`/${path}`)} is ${all.join(" and ")}`, {
    kind: "verification",
    hint: "These packages cannot be installed together. Nothing was written.",
  });
}

function twoOwners(path: ByteString, first: NamedPackage, second: NamedPackage): never {
  throw new BaseKitError(
    "DEBIAN_TWO_OWNERS",
    `both ${first.name} ${printable(first.version)} and ${second.name} ${printable(second.version)} have ${printable(`/${path}`)}, and neither replaces the other`,
    {
      kind: "verification",
      hint: "dpkg would refuse to install them together. Leave one of them out. Nothing was written.",
    },
  );
}
