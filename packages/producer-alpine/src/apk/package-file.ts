import { createHash } from "node:crypto";
import { BaseKitError, bytesFromText, hasControls, printable } from "@base-kit/core";
import { TarReader } from "@base-kit/tar";
import { gzipMembers, memberAt } from "./gzip-members.ts";
import { headerFacts } from "./header-facts.ts";
import { leadingSignatures } from "./leading-signatures.ts";
import { type PkgInfo, parsePkgInfo } from "./pkginfo.ts";
import { requireSignature, type TrustedKeys } from "./signature.ts";
import { filesOf } from "./small-tar.ts";

/** All that is known of a package's contents without its files' bytes. Plain JSON, so that it can be kept. */
export interface ApkContents {
  readonly info: PkgInfo;
  /** `post-install` and the like, by kind, in base64. */
  readonly scripts: Readonly<Record<string, string>>;
  /** In the order of the archive. */
  readonly members: readonly ApkMember[];
}

/** Byte strings as in `Entry`. */
export interface ApkMember {
  readonly type: "file" | "directory" | "symlink" | "hardlink" | "character-device" | "block-device" | "fifo";
  readonly path: string;
  readonly mode: number;
  /** Of the machine that built the package; the names come before them. */
  readonly uid: number;
  readonly gid: number;
  readonly user?: string;
  readonly group?: string;
  readonly mtime: number;
  /** Bytes of a file. */
  readonly size?: number;
  /** Where in the data a file's bytes begin. */
  readonly offset?: number;
  readonly target?: string;
  readonly major?: number;
  readonly minor?: number;
  /** SHA-1 of a file's content or of a link's target, as in the installed database: `Q1` and base64. */
  readonly checksum?: string;
  /** Values in base64. */
  readonly xattrs?: Readonly<Record<string, string>>;
}

/** What a signed index, or a lock made from one, says of a package. */
export interface ExpectedPackage {
  readonly name: string;
  readonly version: string;
  /** Alpine's name, or `noarch`. An index names its own also for packages that are for all. */
  readonly architecture: string;
  readonly checksum: string;
}

export interface ReadApkOptions {
  /** For messages: the file's name. */
  readonly file: string;
  readonly keys: TrustedKeys;
  readonly expected: ExpectedPackage;
  /** Bytes it may unpack to. */
  readonly limit: number;
}

/** As apt allows for a package's description. */
const CONTROL_AT_MOST = 64 * 1024 ** 2;
const SCRIPT = /^\.((?:pre|post)-(?:install|deinstall|upgrade)|trigger)$/;

/**
 * Opens a package, apk-v2-format(5): gzip members with signatures, with its description and scripts, and with its files. All that vouches
 * for it is checked: the signature over the second, the checksum of it that the index has, the digest of the third that stands in it, and
 * the checksum before each file. Nothing behind the description is unpacked before its digest has been found right.
 *
 * @throws BaseKitError `APK_UNSIGNED`, `APK_UNKNOWN_KEY`, `APK_BAD_SIGNATURE`, `APK_ARCHIVE`, `APK_MISMATCH`, `APK_INVALID` (verification)
 */
export function readApk(
  bytes: Buffer,
  options: ReadApkOptions,
): { readonly contents: ApkContents; readonly data: Buffer } {
  const { file, keys, expected, limit } = options;
  const { signatures, end } = leadingSignatures(bytes, file);
  if (end === bytes.length) return invalid(file, "it holds no control member");
  const control = memberAt(bytes, { name: file, limit: Math.min(limit, CONTROL_AT_MOST), start: end });
  requireSignature(control.compressed, { name: file, keys, signatures });
  const checksum = `Q1${createHash("sha1").update(control.compressed).digest("base64")}`;
  if (checksum !== expected.checksum) mismatch(file, "checksum", expected.checksum, checksum);
  const files = filesOf(control.bytes, file);
  const text = files.get(bytesFromText(".PKGINFO"));
  if (text === undefined) return invalid(file, "it has no .PKGINFO");
  const info = parsePkgInfo(text.toString("utf8"), file);
  for (const key of ["name", "version"] as const) {
    if (info[key] !== expected[key]) mismatch(file, key, expected[key], info[key]);
  }
  if (info.architecture !== "noarch" && info.architecture !== expected.architecture)
    mismatch(file, "architecture", expected.architecture, info.architecture);
  const start = end + control.compressed.length;
  const digest = createHash("sha256").update(bytes.subarray(start)).digest("hex");
  if (info.datahash !== digest) mismatch(file, "digest of the files", info.datahash ?? "none", digest);
  const scripts: Record<string, string> = {};
  for (const [path, content] of files) {
    const [, kind] = SCRIPT.exec(path) ?? [];
    if (kind !== undefined) scripts[kind] = content.toString("base64");
  }
  const parts = [...gzipMembers(bytes, { name: file, limit, start })].map((member) => member.bytes);
  const data = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  return { contents: { info, scripts, members: membersOf(data, file) }, data };
}

function membersOf(data: Buffer, file: string): readonly ApkMember[] {
  const members: ApkMember[] = [];
  const sums = new Map<string, string>();
  const seen = new Map<string, string>();
  const facts = headerFacts(data);
  type Found = Parameters<ConstructorParameters<typeof TarReader>[0]["onEntry"]>[0];
  let waiting: Found | undefined;
  const take = (found: Found, offset: number): void => {
    const { path, type, mode, uid, gid, mtime, xattrs } = found;
    const { user = "", group = "", sha1: announced } = facts.next().value ?? { user: "" };
    // The root itself, and what a package keeps for itself.
    if (path === "" || /^\.[^/]*$/.test(path)) return;
    if (hasControls(path)) invalid(file, `the name ${printable(path)} has control characters`);
    // abuild writes every path once; of two, tools take different ones.
    if (seen.has(path) && !(type === "directory" && seen.get(path) === type))
      invalid(file, `${printable(path)} is in it twice`);
    seen.set(path, type);
    if (found.type === "hardlink" && !sums.has(found.target))
      invalid(
        file,
        `${printable(path)} is a hard link to ${printable(found.target)}, which is no file before it in the package`,
      );
    const checksum = checksumOf(found, data, offset, sums);
    if (checksum !== undefined) sums.set(path, checksum);
    if (announced !== undefined && type !== "hardlink") {
      const expected = `Q1${Buffer.from(announced, "hex").toString("base64")}`;
      if (checksum !== expected) mismatch(file, `checksum of /${path}`, expected, checksum ?? "none");
    }
    members.push({
      type,
      path,
      mode,
      uid,
      gid,
      ...(user === "" ? {} : { user }),
      ...(group === "" ? {} : { group }),
      mtime,
      ...(found.type === "file" ? { size: found.size, offset } : {}),
      ...("target" in found ? { target: found.target } : {}),
      ...("major" in found ? { major: found.major, minor: found.minor } : {}),
      ...(checksum === undefined ? {} : { checksum }),
      ...(xattrs === undefined ? {} : { xattrs: encoded(xattrs) }),
    });
  };
  const reader = new TarReader({
    name: file,
    onEntry: (found) => {
      if (found.size > 0) waiting = found;
      else take(found, 0);
    },
    onContent: (bytes) => {
      if (waiting !== undefined) take(waiting, bytes.byteOffset - data.byteOffset);
      waiting = undefined;
    },
  });
  if (data.length > 0) {
    reader.push(data);
    reader.push(END_OF_ARCHIVE);
    reader.end();
  }
  return members;
}

/** Some packages are cut off before the end of their tar; their digest has been compared. */
const END_OF_ARCHIVE = Buffer.alloc(1024);

function checksumOf(
  found: { readonly type: ApkMember["type"]; readonly size: number; readonly target?: string },
  data: Buffer,
  offset: number,
  sums: ReadonlyMap<string, string>,
): string | undefined {
  if (found.type === "file") return sha1(data.subarray(offset, offset + found.size));
  if (found.type === "symlink") return sha1(Buffer.from(found.target ?? "", "latin1"));
  return found.type === "hardlink" ? sums.get(found.target ?? "") : undefined;
}

function sha1(bytes: Uint8Array): string {
  return `Q1${createHash("sha1").update(bytes).digest("base64")}`;
}

function encoded(xattrs: ReadonlyMap<string, Uint8Array>): Record<string, string> {
  return Object.fromEntries([...xattrs].map(([key, value]) => [key, Buffer.from(value).toString("base64")]));
}

function mismatch(file: string, what: string, expected: string, found: string): never {
  throw new BaseKitError(
    "APK_MISMATCH",
    `the package ${printable(file)} is refused: its ${what} is ${printable(found)}, expected ${printable(expected)}`,
    {
      kind: "verification",
      hint: "The mirror may be in the middle of an update: try again, or use another one. Nothing of it was used.",
    },
  );
}

export function invalid(file: string, why: string): never {
  throw new BaseKitError("APK_INVALID", `the package ${printable(file)} is refused: ${why}`, {
    kind: "verification",
    hint: "It is signed, so it was published like this. Nothing of it was used.",
  });
}
