import { type ByteString, bytesFromText, type Entry, type FileEntry, type Rootfs } from "@base-kit/core";
import { readTextFile, readWholeFile } from "../read-file.ts";
import { treeOf } from "../virtual-tree.ts";
import { parseRpmDatabase, RPM_DATABASES } from "./rpm.ts";

/**
 * Which package each path came with, by the lists of dpkg (`info/*.list`), apk (`installed`) or rpm; paths where they really lie,
 * also when the list names them through a symbolic link (`/bin/sh` in a merged /usr). Paths of no package are not in it.
 */
export async function packageFiles(
  rootfs: Pick<Rootfs, "segments">,
  entries: readonly Entry[],
): Promise<ReadonlyMap<ByteString, string>> {
  const owners = new Map<ByteString, string>();
  const tree = treeOf(rootfs);
  const claim = (path: ByteString, name: string) => owners.set(tree.place(path), name);
  for (const entry of entries) {
    const [, name] = /^var\/lib\/dpkg\/info\/([a-z0-9][a-z0-9+.-]*)(?::[a-z0-9-]+)?\.list$/.exec(entry.path) ?? [];
    if (name === undefined || entry.type !== "file") continue;
    for (const line of (await latin1(entry)).split("\n")) if (line.length > 2) claim(line.slice(1) as ByteString, name);
  }
  if (owners.size > 0) return owners;
  for (const path of ["lib/apk/db/installed", "usr/lib/apk/db/installed"]) {
    const text = await readTextFile(rootfs, path);
    if (text !== undefined) claimApk(text, claim);
  }
  for (const path of RPM_DATABASES) {
    const database = await readWholeFile(rootfs, path);
    for (const each of database === undefined ? [] : parseRpmDatabase(database))
      for (const file of each.files) claim(file.slice(1) as ByteString, each.package.name);
  }
  return owners;
}

/** Stanzas of one-letter fields: P name, F folder, R file in the folder before. */
function claimApk(text: string, claim: (path: ByteString, name: string) => void): void {
  let name = "";
  let folder = "";
  for (const line of text.split("\n")) {
    const value = line.slice(2);
    if (line.startsWith("P:")) name = value;
    else if (line.startsWith("F:")) folder = value;
    else if (line.startsWith("R:")) claim(bytesFromText(folder === "" ? value : `${folder}/${value}`), name);
  }
}

async function latin1(file: FileEntry): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of file.content()) parts.push(part);
  return Buffer.concat(parts).toString("latin1");
}
