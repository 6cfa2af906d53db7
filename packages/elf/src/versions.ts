import type { ByteString } from "@base-kit/core";
import type { Decoder, Layout } from "./decode.ts";
import { malformed, readHalf, readWord } from "./decode.ts";

/** What a file was linked against: without these versions in the library the linker refuses to start it. */
export interface VersionNeed {
  /** The library's name, one of `needed`. */
  readonly library: ByteString;
  /** `GLIBC_2.34`; those marked weak, which may be missing, are left out. */
  readonly versions: readonly ByteString[];
}

/** A linked list of records in the file, and how many the dynamic section says there are. */
interface VersionTable {
  readonly file: Decoder;
  readonly layout: Layout;
  readonly text: (offset: bigint, what: string) => ByteString;
  readonly offset: bigint;
  readonly count: bigint;
}

const VER_FLG_WEAK = 2;
/** libc has some forty, the largest C++ library some hundreds. */
const RECORDS_AT_MOST = 8192n;

/** The GNU symbol versioning extension: `Elfxx_Verneed` and `Elfxx_Vernaux`. Both record kinds have 16 bytes in both classes. */
export function readVersionNeeds(table: VersionTable): readonly VersionNeed[] {
  const { file, layout, text } = table;
  const what = "its table of needed versions";
  let left = RECORDS_AT_MOST;
  const needs: VersionNeed[] = [];
  for (const { record, at } of chained(table, { size: 16, nextAt: 12, what })) {
    const aux = {
      ...table,
      offset: at + BigInt(readWord(record, 8, layout)),
      count: BigInt(readHalf(record, 2, layout)),
    };
    left -= aux.count;
    if (left < 0n) throw tooMany(file, what);
    const versions: ByteString[] = [];
    for (const { record: version } of chained(aux, { size: 16, nextAt: 12, what })) {
      if ((readHalf(version, 4, layout) & VER_FLG_WEAK) !== 0) continue;
      versions.push(text(BigInt(readWord(version, 8, layout)), "the name of a needed version"));
    }
    needs.push({ library: text(BigInt(readWord(record, 4, layout)), "the name of a versioned library"), versions });
  }
  return needs;
}

/** `Elfxx_Verdef`, whose first `Elfxx_Verdaux` is the version's name. */
export function readVersions(table: VersionTable): readonly ByteString[] {
  const { file, layout, text } = table;
  const what = "its table of versions";
  const versions: ByteString[] = [];
  for (const { record, at } of chained(table, { size: 20, nextAt: 16, what })) {
    const name = file.bytes(at + BigInt(readWord(record, 12, layout)), 4, what);
    versions.push(text(BigInt(readWord(name, 0, layout)), "the name of a version"));
  }
  return versions;
}

/** A distance of 0 ends the list; distances only lead forward, so that it cannot be a circle. */
function* chained(
  { file, layout, offset, count }: VersionTable,
  { size, nextAt, what }: { readonly size: number; readonly nextAt: number; readonly what: string },
): Generator<{ readonly record: Buffer; readonly at: bigint }> {
  if (count > RECORDS_AT_MOST) throw tooMany(file, what);
  let at = offset;
  for (let index = 0n; index < count; index++) {
    const record = file.bytes(at, size, what);
    yield { record, at };
    const next = readWord(record, nextAt, layout);
    if (next === 0) return;
    at += BigInt(next);
  }
}

function tooMany(file: Decoder, what: string): Error {
  return malformed(file.name, `${what} has more than ${RECORDS_AT_MOST} entries`);
}
