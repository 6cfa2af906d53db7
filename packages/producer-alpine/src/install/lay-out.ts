import {
  BaseKitError,
  type ByteString,
  type Content,
  type DirectoryEntry,
  type Entry,
  printable,
} from "@base-kit/core";
import { type Dependency, matches, parseDependencies } from "../apk/dependency.ts";
import type { InstalledStanza } from "../apk/installed-database.ts";
import type { ApkContents, ApkMember } from "../apk/package-file.ts";
import type { Accounts } from "./accounts.ts";

/** A package to install, with a way to its files' bytes. */
export interface NewPackage {
  readonly contents: ApkContents;
  /** As the index has it, and with it the database. */
  readonly architecture: string;
  readonly checksum: string;
  /** Bytes of the .apk. */
  readonly size: number;
  readonly sha256: string;
  readonly tag?: string;
  content(member: ApkMember): Content;
}

export interface LaidOut {
  readonly folders: readonly DirectoryEntry[];
  readonly files: ReadonlyMap<NewPackage, readonly Entry[]>;
  /** Paths that packages lost to others, by the name of the package. */
  readonly lost: ReadonlyMap<string, ReadonlySet<string>>;
  /** Paths of the system there was before that are replaced. */
  readonly replaced: ReadonlySet<string>;
}

export interface Base {
  /** Packages that are there and stay. */
  readonly installed: readonly InstalledStanza[];
  readonly paths: ReadonlySet<string>;
  /** SHA-1 of files in /etc that a new package has too, as in the installed database. */
  readonly settings: ReadonlyMap<string, string>;
}

interface Owner {
  readonly name: string;
  readonly version: string;
  readonly checksum: string;
  readonly origin: string | undefined;
  readonly replaces: readonly Dependency[];
  readonly priority: number;
}

/**
 * Where the files of new packages go, by apk's rules: a file of a package that another one replaces goes to the one of higher priority,
 * packages of one source may share; what nobody owns is replaced, but for settings in `/etc`, which stay, with the new file beside
 * them when it is another one.
 *
 * @throws BaseKitError `APK_TWO_OWNERS` (verification)
 */
export function layOut(packages: readonly NewPackage[], base: Base, accounts: Accounts): LaidOut {
  const owners = new Map<string, Owner>();
  for (const stanza of base.installed) {
    const owner = ownerOf(stanza);
    for (const path of stanza.files) owners.set(path, owner);
  }
  const folders = new Map<string, DirectoryEntry>();
  const files = new Map<NewPackage, Map<string, Entry>>(packages.map((each) => [each, new Map()]));
  const byName = new Map(packages.map((each) => [each.contents.info.name, each]));
  const lost = new Map<string, Set<string>>();
  const replaced = new Set<string>();
  const lose = (owner: Owner, path: string) => lost.set(owner.name, (lost.get(owner.name) ?? new Set()).add(path));
  for (const each of packages) {
    const owner = newOwner(each);
    for (const built of each.contents.members) {
      const member = ownedBy(built, accounts);
      const { path } = member;
      if (member.type === "directory") {
        if (!base.paths.has(path) && !folders.has(path)) folders.set(path, folder(member));
        continue;
      }
      if (/(?:^|\/)\.keep_[^/]*$/.test(path)) continue;
      const other = owners.get(path);
      if (other !== undefined && other.name !== owner.name) {
        if (keeps(other, owner, path)) {
          lose(owner, path);
          continue;
        }
        lose(other, path);
        const loser = byName.get(other.name);
        if (loser !== undefined) files.get(loser)?.delete(path);
      }
      const isSetting = path.startsWith("etc/") && other === undefined && base.paths.has(path);
      const place = isSetting ? `${path}.apk-new` : path;
      if (!isSetting && base.paths.has(path)) replaced.add(path);
      owners.set(path, owner);
      if (isSetting && member.checksum !== undefined && base.settings.get(path) === member.checksum) continue;
      files.get(each)?.set(path, entryOf(member, place, each));
    }
  }
  return {
    folders: [...folders.values()],
    files: new Map([...files].map(([each, entries]) => [each, [...entries.values()]])),
    lost,
    replaced,
  };
}

/** apk-tools 2.14, `apk_db_install_archive_entry`. */
function keeps(old: Owner, next: Owner, path: string): boolean {
  if (old.origin !== undefined && old.origin === next.origin) return false;
  const oldPriority = old.replaces.some((each) => names(each, next)) ? old.priority : -1;
  const nextPriority = next.replaces.some((each) => names(each, old)) ? next.priority : -1;
  if (oldPriority > nextPriority) return true;
  if (nextPriority >= 0) return false;
  throw new BaseKitError(
    "APK_TWO_OWNERS",
    `both ${old.name}-${old.version} and ${next.name}-${next.version} have ${printable(`/${path}`)}, and neither replaces the other`,
    { kind: "verification", hint: "apk would report the same. Leave one of them out. Nothing was written." },
  );
}

function names(dependency: Dependency, { name, version, checksum }: Owner): boolean {
  return dependency.name === name && matches(dependency, { version, checksum });
}

function ownerOf({ info, replaces, replacesPriority }: InstalledStanza): Owner {
  const { name, version, checksum, origin } = info;
  return { name, version, checksum, origin, replaces: parseDependencies(replaces).valid, priority: replacesPriority };
}

function newOwner({ contents: { info }, checksum }: NewPackage): Owner {
  const { name, version, fields, replaces, replacesPriority } = info;
  return { name, version, checksum, origin: fields["o"], replaces, priority: replacesPriority };
}

/** The numbers that the names of its owners have here. */
export function ownedBy(member: ApkMember, { users, groups }: Accounts): ApkMember {
  const uid = users.get(member.user ?? "") ?? member.uid;
  const gid = groups.get(member.group ?? "") ?? member.gid;
  return uid === member.uid && gid === member.gid ? member : { ...member, uid, gid };
}

function folder({ path, mode, uid, gid, mtime }: ApkMember): DirectoryEntry {
  return { type: "directory", path: path as ByteString, mode, uid, gid, mtime };
}

function entryOf(member: ApkMember, path: string, from: NewPackage): Entry {
  const { mode, uid, gid, mtime } = member;
  const xattrs = member.xattrs === undefined ? {} : { xattrs: decoded(member.xattrs) };
  const metadata = { path: path as ByteString, mode, uid, gid, mtime, ...xattrs };
  const target = (member.target ?? "") as ByteString;
  switch (member.type) {
    case "symlink":
    case "hardlink":
      return { type: member.type, ...metadata, target };
    case "character-device":
    case "block-device":
      return { type: member.type, ...metadata, major: member.major ?? 0, minor: member.minor ?? 0 };
    case "fifo":
      return { type: "fifo", ...metadata };
    default:
      return { type: "file", ...metadata, size: member.size ?? 0, content: () => from.content(member) };
  }
}

function decoded(xattrs: Readonly<Record<string, string>>): ReadonlyMap<ByteString, Uint8Array> {
  return new Map(Object.entries(xattrs).map(([name, value]) => [name as ByteString, Buffer.from(value, "base64")]));
}
