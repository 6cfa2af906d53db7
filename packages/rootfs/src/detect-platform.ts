import { type Entry, type FileEntry, isBaseKitError, type Platform, parsePlatform, type Rootfs } from "@base-kit/core";
import { architectureOf, isElf, readElf } from "@base-kit/elf";
import { findFile } from "./read-file.ts";
import { mergedEntries } from "./virtual-tree.ts";

/** Programs nearly every root filesystem has; their machine is the machine of all others. */
const LIKELY = ["bin/sh", "usr/bin/env", "bin/busybox", "sbin/ldconfig"];
/** A shell is 1 to 2 MiB; a program beyond this size is passed over rather than read whole. */
const PROGRAM_AT_MOST = 64 * 1024 ** 2;

/** What the programs in a root filesystem are made for, read from their ELF headers; undefined when it has none. */
export async function detectPlatform(rootfs: Pick<Rootfs, "segments">): Promise<Platform | undefined> {
  for (const path of LIKELY) {
    const file = findFile(rootfs, path);
    const platform = file === undefined ? undefined : await platformOf(file);
    if (platform !== undefined) return platform;
  }
  for (const entry of mergedEntries(rootfs)) {
    const platform = isProgram(entry) ? await platformOf(entry) : undefined;
    if (platform !== undefined) return platform;
  }
  return undefined;
}

function isProgram(entry: Entry): entry is FileEntry {
  return entry.type === "file" && (entry.mode & 0o111) !== 0;
}

async function platformOf(file: FileEntry): Promise<Platform | undefined> {
  if (file.size > PROGRAM_AT_MOST || !(await startsAsElf(file))) return undefined;
  const parts: Uint8Array[] = [];
  for await (const part of file.content()) parts.push(part);
  try {
    const architecture = architectureOf(readElf(Buffer.concat(parts), file.path));
    return architecture === undefined ? undefined : parsePlatform(architecture);
  } catch (error) {
    // A damaged program says nothing about the others.
    if (isBaseKitError(error)) return undefined;
    throw error;
  }
}

async function startsAsElf(file: FileEntry): Promise<boolean> {
  for await (const chunk of file.content()) return isElf(chunk);
  return false;
}
