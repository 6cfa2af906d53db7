import { createHash, type Hash } from "node:crypto";
import { hasControls, printable } from "@base-kit/core";
import { type Member, TarReader } from "@base-kit/tar";
import { refuseDeb } from "./refuse.ts";
import type { ControlFile, DataMember, UnpackedPackage } from "./unpacked.ts";

/** Reads a package whose data archive is pushed in, in pieces of any size. */
export interface PackageReader {
  push(chunk: Uint8Array): void;
  /** The data is over. */
  end(): UnpackedPackage;
}

/**
 * What a package brings, in the words of its archives. Names that dpkg refuses are refused here too: with control characters, or
 * such as would be a deletion in an image layer.
 *
 * @throws BaseKitError `DEB_INVALID` (verification), `TAR_…` (unsupported), also from what it gives
 */
export function packageReader(control: Buffer, name: string): PackageReader {
  const files = controlFiles(control, name);
  const described = files.find((file) => file.name === "control");
  if (described === undefined) return refuseDeb(name, "its control archive has no file control");
  const text = Buffer.from(described.base64, "base64").toString("utf8");
  const conffiles = new Set(conffilePaths(files));
  const hashes = new Map<string, Hash>();
  let hash: Hash | undefined;
  const members: DataMember[] = [];
  const reader = readTar(`data.tar of ${printable(name)}`, {
    onMember: (member, offset) => {
      const { path, type, mode, uid, gid, mtime, xattrs } = member;
      if (hasControls(path)) refuseDeb(name, `the name ${printable(path)} has control characters`);
      if (DELETION.test(path)) refuseDeb(name, `in a layer the name ${printable(path)} means a deletion`);
      members.push({
        type,
        path,
        mode,
        uid,
        gid,
        mtime,
        ...(member.type === "file" ? { size: member.size, offset } : {}),
        ...("target" in member ? { target: member.target } : {}),
        ...("major" in member ? { major: member.major, minor: member.minor } : {}),
        ...(xattrs === undefined ? {} : { xattrs: encoded(xattrs) }),
      });
      const isConffile = member.type === "file" && conffiles.has(`/${path}`);
      hash = isConffile ? createHash("md5") : undefined;
      if (hash !== undefined) hashes.set(`/${path}`, hash);
    },
    onContent: (bytes) => hash?.update(bytes),
  });
  return {
    push: reader.push,
    end: () => {
      reader.end();
      const conffileDigests = Object.fromEntries([...hashes].map(([path, each]) => [path, each.digest("hex")]));
      return { control: text, controlFiles: files.filter((file) => file !== described), members, conffileDigests };
    },
  };
}

/** Paths in `conffiles`, without those that only go away on an upgrade. */
export function conffilePaths(files: readonly ControlFile[]): readonly string[] {
  const file = files.find(({ name }) => name === "conffiles");
  if (file === undefined) return [];
  return Buffer.from(file.base64, "base64")
    .toString("latin1")
    .split("\n")
    .filter((line) => line.startsWith("/"));
}

const DELETION = /(?:^|\/)\.wh\./;
const CONTROL_NAME = /^[A-Za-z0-9][\w.+-]*$/;

function controlFiles(control: Buffer, name: string): readonly ControlFile[] {
  const files: ControlFile[] = [];
  const reader = readTar(`control.tar of ${printable(name)}`, {
    onMember: (member, offset) => {
      if (member.type === "directory") return;
      const { path, mode, mtime } = member;
      if (member.type !== "file" || !CONTROL_NAME.test(path)) {
        return refuseDeb(name, `its control archive has ${printable(path)}, a ${member.type}`);
      }
      const base64 = control.toString("base64", offset, offset + member.size);
      files.push({ name: path, mode: mode & 0o777, mtime, base64 });
    },
  });
  reader.push(control);
  reader.end();
  return files;
}

interface Visitor {
  /** Hears of each member and where its content begins. */
  readonly onMember: (member: Member, offset: number) => void;
  /** Gets the content of the last member, in pieces. */
  readonly onContent?: (bytes: Uint8Array) => void;
}

function readTar(name: string, { onMember, onContent }: Visitor) {
  let waiting: Member | undefined;
  let chunk: Uint8Array = Buffer.alloc(0);
  let before = 0;
  const reader = new TarReader({
    name,
    onEntry: (member) => {
      if (member.size > 0) waiting = member;
      else onMember(member, 0);
    },
    onContent: (bytes) => {
      if (waiting !== undefined) onMember(waiting, before + bytes.byteOffset - chunk.byteOffset);
      waiting = undefined;
      onContent?.(bytes);
    },
  });
  const push = (next: Uint8Array) => {
    chunk = next;
    reader.push(next);
    before += next.length;
  };
  return { push, end: () => reader.end() };
}

function encoded(xattrs: ReadonlyMap<string, Uint8Array>): Record<string, string> {
  return Object.fromEntries([...xattrs].map(([key, value]) => [key, Buffer.from(value).toString("base64")]));
}
