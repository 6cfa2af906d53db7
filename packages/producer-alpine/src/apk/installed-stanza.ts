import { type ByteString, bytesFromText } from "@base-kit/core";
import { formatDependency } from "./dependency.ts";
import type { ApkContents, ApkMember } from "./package-file.ts";

export interface StanzaFacts {
  /** As the index has it. */
  readonly architecture: string;
  readonly checksum: string;
  /** Bytes of the .apk. */
  readonly size: number;
  /** Of the repository it came from. */
  readonly tag?: string;
  /** Paths that another package has taken over. */
  readonly lost?: ReadonlySet<string>;
}

/** In the order in which apk-tools 2.14 writes them (`apk_pkg_write_index_header`). */
const LETTERS = ["T", "U", "L", "o", "m", "t", "c", "k", "D", "p", "i"];

/** The stanza of a package in `lib/apk/db/installed`, with the empty line that ends it. Bytes, because paths are. */
export function installedStanza({ info, members }: ApkContents, facts: StanzaFacts): ByteString {
  const { fields } = info;
  const always = (letter: string): boolean => "TUL".includes(letter);
  const lines = [
    `C:${facts.checksum}`,
    `P:${info.name}`,
    `V:${info.version}`,
    `A:${facts.architecture}`,
    `S:${facts.size}`,
    `I:${fields["I"] ?? "0"}`,
    ...LETTERS.filter((letter) => fields[letter] !== undefined || always(letter))
      .filter((letter) => always(letter) || fields[letter] !== "0")
      .map((letter) => `${letter}:${fields[letter] ?? ""}`),
    ...(info.replaces.length === 0 ? [] : [`r:${info.replaces.map(formatDependency).join(" ")}`]),
    ...(info.replacesPriority === 0 ? [] : [`q:${info.replacesPriority}`]),
    ...(facts.tag === undefined ? [] : [`s:${facts.tag}`]),
  ].map((line): string => bytesFromText(line));
  for (const [folder, { directory, files }] of byFolder(members)) {
    lines.push(`F:${folder}`);
    if (directory !== undefined && !isDefault(directory, 0o755)) lines.push(`M:${access(directory)}`);
    for (const file of files) {
      if (facts.lost?.has(file.path)) continue;
      lines.push(`R:${file.path.slice(file.path.lastIndexOf("/") + 1)}`);
      if (!isDefault(file, 0o644)) lines.push(`a:${access(file)}`);
      if (file.checksum !== undefined) lines.push(`Z:${file.checksum}`);
    }
  }
  return `${lines.join("\n")}\n\n` as ByteString;
}

interface Folder {
  directory?: ApkMember;
  readonly files: ApkMember[];
}

/** Folders in the order in which the archive names them, each with its files. */
function byFolder(members: readonly ApkMember[]): ReadonlyMap<string, Folder> {
  const folders = new Map<string, Folder>();
  const folder = (path: string): Folder => {
    const there = folders.get(path) ?? { files: [] };
    folders.set(path, there);
    return there;
  };
  for (const member of members) {
    if (member.type === "directory") folder(member.path).directory = member;
    else folder(member.path.slice(0, Math.max(0, member.path.lastIndexOf("/")))).files.push(member);
  }
  return folders;
}

function isDefault({ mode, uid, gid }: ApkMember, expected: number): boolean {
  return mode === expected && uid === 0 && gid === 0;
}

function access({ mode, uid, gid }: ApkMember): string {
  return `${uid}:${gid}:${mode.toString(8)}`;
}
