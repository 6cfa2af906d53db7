import { createHash } from "node:crypto";
import { hasControls, printable } from "@base-kit/core";
import { TarReader } from "@base-kit/tar";
import type { DebContents } from "./deb.ts";
import { refuseDeb } from "./refuse.ts";
import type { ControlFile, DataMember, UnpackedPackage } from "./unpacked.ts";

/**
 * What a package brings, in the words of its archives. Names that dpkg refuses are refused here too: with control characters, or
 * such as would be a deletion in an image layer.
 *
 * @throws BaseKitError `DEB_INVALID` (verification), `TAR_…` (unsupported)
 */
export function readPackage({ control, data }: DebContents, name: string): UnpackedPackage {
  const files = controlFiles(control, name);
  const described = files.find((file) => file.name === "control");
  if (described === undefined) return refuseDeb(name, "its control archive has no file control");
  const conffiles = new Set(conffilePaths(files));
  const conffileDigests: Record<string, string> = {};
  const members: DataMember[] = [];
  readTar(data, `data.tar of ${printable(name)}`, (member, offset) => {
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
    if (member.type === "file" && conffiles.has(`/${path}`)) {
      const content = data.subarray(offset, offset + member.size);
      conffileDigests[`/${path}`] = createHash("md5").update(content).digest("hex");
    }
  });
  const text = Buffer.from(described.base64, "base64").toString("utf8");
  return { control: text, controlFiles: files.filter((file) => file !== described), members, conffileDigests };
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
  readTar(control, `control.tar of ${printable(name)}`, (member, offset) => {
    if (member.type === "directory") return;
    const { path, mode, mtime } = member;
    if (member.type !== "file" || !CONTROL_NAME.test(path)) {
      return refuseDeb(name, `its control archive has ${printable(path)}, a ${member.type}`);
    }
    const base64 = control.toString("base64", offset, offset + member.size);
    files.push({ name: path, mode: mode & 0o777, mtime, base64 });
  });
  return files;
}

type Visit = (member: Parameters<ConstructorParameters<typeof TarReader>[0]["onEntry"]>[0], offset: number) => void;

/** Tells of each member and where its content begins. */
function readTar(tar: Buffer, name: string, visit: Visit): void {
  let waiting: Parameters<Visit>[0] | undefined;
  const reader = new TarReader({
    name,
    onEntry: (member) => {
      if (member.size > 0) waiting = member;
      else visit(member, 0);
    },
    onContent: (bytes) => {
      if (waiting === undefined) return;
      visit(waiting, bytes.byteOffset - tar.byteOffset);
      waiting = undefined;
    },
  });
  reader.push(tar);
  reader.end();
}

function encoded(xattrs: ReadonlyMap<string, Uint8Array>): Record<string, string> {
  return Object.fromEntries([...xattrs].map(([key, value]) => [key, Buffer.from(value).toString("base64")]));
}
