import type { ByteString } from "@base-kit/core";
import type { Decoder, Layout } from "./decode.ts";
import { malformed, readAddress } from "./decode.ts";
import type { ProgramHeader } from "./program-headers.ts";
import { locate, PT_DYNAMIC } from "./program-headers.ts";
import type { StringTable } from "./string-table.ts";
import { createStringTable } from "./string-table.ts";
import type { VersionNeed } from "./versions.ts";
import { readVersionNeeds, readVersions } from "./versions.ts";

/** What the dynamic section tells the dynamic linker. */
export interface Dynamic {
  /** `DT_NEEDED`, in order, as written: a name to search for, or a path when it holds a slash. */
  readonly needed: readonly ByteString[];
  /** `DT_SONAME`: the name under which a library is needed by others. */
  readonly soname?: ByteString;
  /** `DT_RPATH`, folders separated by colons; not used by the linker when there is a runpath. */
  readonly rpath?: ByteString;
  /** `DT_RUNPATH`, folders separated by colons. */
  readonly runpath?: ByteString;
  /** `DF_1_PIE`: a program, though its type is that of a library. */
  readonly pie: boolean;
  /** `DF_1_NODEFLIB`: the linker's own folders are not searched for what this file needs. */
  readonly noDefaultFolders?: true;
  /** `DT_VERNEED`: the versions of interfaces it was linked against, by library: `GLIBC_2.34` of `libc.so.6`. */
  readonly versionNeeds?: readonly VersionNeed[];
  /** `DT_VERDEF`: the versions it offers; the first is its own name. */
  readonly versions?: readonly ByteString[];
}

const DT_NULL = 0n;
const DT_NEEDED = 1n;
const DT_STRTAB = 5n;
const DT_STRSZ = 10n;
const DT_SONAME = 14n;
const DT_RPATH = 15n;
const DT_RUNPATH = 29n;
const DT_FLAGS_1 = 0x6fff_fffbn;
const DT_VERDEF = 0x6fff_fffcn;
const DT_VERDEFNUM = 0x6fff_fffdn;
const DT_VERNEED = 0x6fff_fffen;
const DT_VERNEEDNUM = 0x6fff_ffffn;
const DF_1_PIE = 0x0800_0000n;
const DF_1_NODEFLIB = 0x800n;

/** Real programs have some dozens. */
const ENTRIES_AT_MOST = 16_384n;
const NEEDED_AT_MOST = 4096;

/** Where the names are that the dynamic linker sees. */
export function dynamicStringTable(
  file: Decoder,
  segments: readonly ProgramHeader[],
  layout: Layout,
): { readonly offset: bigint; readonly length: bigint } | undefined {
  const segment = segments.findLast(({ type }) => type === PT_DYNAMIC);
  if (segment === undefined || segment.fileSize === 0n) return undefined;
  const { last } = readEntries(file, tableOf(file, segments, segment, layout), layout);
  const [address, length] = [last.get(DT_STRTAB), last.get(DT_STRSZ)];
  return address === undefined || length === undefined ? undefined : locate(segments, { address, length });
}

/** gABI, chapter 5, "Dynamic Section"; undefined when there is none, as in most static programs. */
export function readDynamic(file: Decoder, segments: readonly ProgramHeader[], layout: Layout): Dynamic | undefined {
  // The last one counts, as in glibc's loader, which finds it by its address and not by its offset.
  const segment = segments.findLast(({ type }) => type === PT_DYNAMIC);
  if (segment === undefined || segment.fileSize === 0n) return undefined;
  const { needed, last } = readEntries(file, tableOf(file, segments, segment, layout), layout);
  const text = (offset: bigint, what: string) => stringTable().at(offset, what);
  let table: StringTable | undefined;
  const stringTable = (): StringTable => {
    table ??= openStrings(file, segments, last);
    return table;
  };
  const soname = last.get(DT_SONAME);
  const rpath = last.get(DT_RPATH);
  const runpath = last.get(DT_RUNPATH);
  const flags = last.get(DT_FLAGS_1) ?? 0n;
  const tableAt = (addressTag: bigint, countTag: bigint) => {
    const address = last.get(addressTag);
    const place = address === undefined ? undefined : locate(segments, { address, length: 1n });
    const count = last.get(countTag) ?? 0n;
    return place === undefined || count === 0n ? undefined : { file, layout, text, offset: place.offset, count };
  };
  const needs = tableAt(DT_VERNEED, DT_VERNEEDNUM);
  const offers = tableAt(DT_VERDEF, DT_VERDEFNUM);
  return {
    needed: needed.map((offset) => text(offset, "the name of a needed library")),
    ...(soname === undefined ? {} : { soname: text(soname, "its library name") }),
    ...(rpath === undefined ? {} : { rpath: text(rpath, "its library path") }),
    ...(runpath === undefined ? {} : { runpath: text(runpath, "its library path") }),
    pie: (flags & DF_1_PIE) !== 0n,
    ...((flags & DF_1_NODEFLIB) === 0n ? {} : { noDefaultFolders: true as const }),
    ...(needs === undefined ? {} : { versionNeeds: readVersionNeeds(needs) }),
    ...(offers === undefined ? {} : { versions: readVersions(offers) }),
  };
}

function tableOf(file: Decoder, segments: readonly ProgramHeader[], segment: ProgramHeader, layout: Layout): Buffer {
  const what = "the dynamic section";
  const found = locate(segments, { address: segment.address, length: segment.fileSize });
  if (found === undefined)
    throw malformed(file.name, `${what} at address ${hex(segment.address)} is in no loaded segment`);
  const entries = found.length / (layout.class === 64 ? 16n : 8n);
  if (entries > ENTRIES_AT_MOST) {
    throw malformed(file.name, `${what} has ${entries} entries, expected at most ${ENTRIES_AT_MOST}`);
  }
  return file.bytes(found.offset, found.length, what);
}

/** Of a tag that occurs more than once the last one counts, as in glibc; `DT_NEEDED` adds up. */
function readEntries(
  file: Decoder,
  table: Buffer,
  layout: Layout,
): { readonly needed: readonly bigint[]; readonly last: ReadonlyMap<bigint, bigint> } {
  const width = layout.class / 8;
  const needed: bigint[] = [];
  const last = new Map<bigint, bigint>();
  for (let at = 0; at + 2 * width <= table.length; at += 2 * width) {
    const tag = readAddress(table, at, layout);
    if (tag === DT_NULL) break;
    const value = readAddress(table, at + width, layout);
    if (tag === DT_NEEDED) needed.push(value);
    else last.set(tag, value);
  }
  if (needed.length > NEEDED_AT_MOST) {
    throw malformed(file.name, `it needs ${needed.length} libraries, expected at most ${NEEDED_AT_MOST}`);
  }
  return { needed, last };
}

function openStrings(
  file: Decoder,
  segments: readonly ProgramHeader[],
  entries: ReadonlyMap<bigint, bigint>,
): StringTable {
  const address = entries.get(DT_STRTAB);
  const size = entries.get(DT_STRSZ);
  if (address === undefined || size === undefined)
    throw malformed(file.name, "its dynamic section names no string table");
  const found = locate(segments, { address, length: size });
  if (found === undefined) {
    throw malformed(file.name, `its string table at address ${hex(address)} is in no loaded segment`);
  }
  return createStringTable(file, found.offset, found.length);
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
