import { type ByteString, bytesFromBuffer, type InstalledPackage } from "@base-kit/core";
import { sqliteRows } from "./sqlite-table.ts";

/** Where rpm keeps what is installed, since it does so in SQLite: Fedora 33 and newer, RHEL 9, openSUSE MicroOS. */
export const RPM_DATABASES = ["var/lib/rpm/rpmdb.sqlite", "usr/lib/sysimage/rpm/rpmdb.sqlite"] as const;

export interface RpmPackage {
  readonly package: InstalledPackage;
  /** Absolute. */
  readonly files: readonly ByteString[];
}

/** Tags of a header: rpmtag.h. */
const TAGS = {
  name: 1000,
  version: 1001,
  release: 1002,
  epoch: 1003,
  licence: 1014,
  architecture: 1022,
  source: 1044,
  folderIndexes: 1116,
  basenames: 1117,
  folders: 1118,
} as const;

const STRINGS = [6, 8, 9];
const INT32 = 4;

/** The packages in rpm's database, by name; empty where it is damaged. Keys that rpm trusts stand there too, and are left out. */
export function parseRpmDatabase(bytes: Buffer): readonly RpmPackage[] {
  const packages: RpmPackage[] = [];
  try {
    for (const [, header] of sqliteRows(bytes, "Packages")) {
      const found = Buffer.isBuffer(header) ? readHeader(header) : undefined;
      if (found !== undefined) packages.push(found);
    }
  } catch (error) {
    if (error instanceof RangeError) return [];
    throw error;
  }
  return packages.sort((a, b) => (a.package.name < b.package.name ? -1 : a.package.name > b.package.name ? 1 : 0));
}

/** A header as rpm stores it: how many tags, how many bytes of values, the tags, the values; big endian (rpm.org, "Header format"). */
function readHeader(header: Buffer): RpmPackage | undefined {
  const store = header.subarray(8 + header.readUInt32BE(0) * 16);
  const places = new Map<number, { readonly type: number; readonly at: number; readonly count: number }>();
  for (let index = 0; index < header.readUInt32BE(0); index++) {
    const at = 8 + index * 16;
    const [tag, type] = [header.readUInt32BE(at), header.readUInt32BE(at + 4)];
    places.set(tag, { type, at: header.readUInt32BE(at + 8), count: header.readUInt32BE(at + 12) });
  }
  const strings = (tag: number): readonly ByteString[] => {
    const place = places.get(tag);
    return place === undefined || !STRINGS.includes(place.type) ? [] : stringsAt(store, place);
  };
  const numbers = (tag: number): readonly number[] => {
    const { type, at, count } = places.get(tag) ?? { type: 0, at: 0, count: 0 };
    if (type !== INT32 || at + count * 4 > store.length) return [];
    return Array.from({ length: count }, (_, index) => store.readUInt32BE(at + index * 4));
  };
  const [name] = strings(TAGS.name);
  const [version] = strings(TAGS.version);
  const [release] = strings(TAGS.release);
  const [architecture] = strings(TAGS.architecture);
  if (name === undefined || version === undefined || release === undefined || architecture === undefined)
    return undefined;
  const [epoch] = numbers(TAGS.epoch);
  const [licence] = strings(TAGS.licence);
  const source = strings(TAGS.source)[0]?.replace(/-[^-]+-[^-]+\.src\.rpm$/, "");
  const folders = strings(TAGS.folders);
  const indexes = numbers(TAGS.folderIndexes);
  return {
    package: {
      name,
      version: `${epoch === undefined ? "" : `${epoch}:`}${version}-${release}`,
      architecture,
      ...(source === undefined || source === name ? {} : { source }),
      ...(licence === undefined ? {} : { licence }),
    },
    files: strings(TAGS.basenames).map((base, index) => `${folders[indexes[index] ?? -1] ?? ""}${base}` as ByteString),
  };
}

function stringsAt(
  store: Buffer,
  { at: start, count }: { readonly at: number; readonly count: number },
): readonly ByteString[] {
  const strings: ByteString[] = [];
  for (let at = start; strings.length < count; ) {
    const end = store.indexOf(0, at);
    if (end < 0 || at >= store.length) throw new RangeError("a text without an end");
    strings.push(bytesFromBuffer(store, at, end));
    at = end + 1;
  }
  return strings;
}
