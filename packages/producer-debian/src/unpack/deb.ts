import { printable } from "@base-kit/core";
import { decodeLzma, decompress, decompressBuffer, detectCompression } from "@base-kit/store";
import { arMembers } from "./ar.ts";
import { refuseDeb } from "./refuse.ts";

/** The two archives of a package, uncompressed. */
export interface DebContents {
  readonly control: Buffer;
  /** In chunks, each valid only until the next one is asked for: there is no room for all of it. */
  readonly data: AsyncIterable<Uint8Array>;
}

export interface DebLimits {
  /** Bytes of the unpacked files, headers and all. */
  readonly data: number;
}

/** As dpkg-deb: more is no package's description. */
const CONTROL_AT_MOST = 64 * 1024 ** 2;
const COMPRESSIONS: Readonly<Record<string, string>> = { "": "none", ".gz": "gzip", ".xz": "xz", ".zst": "zstd" };

/**
 * Opens a binary package, deb(5): `debian-binary`, the control archive and the data archive, in this order; members whose
 * names begin with an underscore are passed over, and whatever follows the data.
 *
 * @throws BaseKitError `DEB_INVALID` (verification), and those of `decompress`, also while its data is read
 */
export async function openDeb(
  file: Buffer,
  { name, limits }: { readonly name: string; readonly limits: DebLimits },
): Promise<DebContents> {
  const members = arMembers(file, name);
  const version = members.next().value;
  if (version?.name !== "debian-binary") return refuseDeb(name, "its first member is not debian-binary");
  if (!/^2\.\d+\n/.test(version.bytes.toString("latin1", 0, 16))) {
    return refuseDeb(name, `its format is ${printable(version.bytes.toString("latin1", 0, 16))}, expected 2.0`);
  }
  let control: Buffer | undefined;
  for (const member of members) {
    if (member.name.startsWith("_")) continue;
    const expected = control === undefined ? "control.tar" : "data.tar";
    if (!member.name.startsWith(expected))
      return refuseDeb(name, `it has ${printable(member.name)} where ${expected} is expected`);
    if (control !== undefined && member.name === "data.tar.lzma") {
      // There is no telling it by its first bytes.
      const data = decodeLzma(member.bytes, { limit: limits.data, name: `data.tar of ${printable(name)}` });
      return { control, data: inOne(data) };
    }
    const compression = COMPRESSIONS[member.name.slice(expected.length)];
    if (compression === undefined) {
      return refuseDeb(
        name,
        `${printable(member.name)} is compressed in a way that is not supported (gz, xz, zst, and lzma for data)`,
      );
    }
    const found = detectCompression(member.bytes.subarray(0, 16));
    if (found !== compression) return refuseDeb(name, `${printable(member.name)} is compressed as ${found}`);
    const what = `${expected} of ${printable(name)}`;
    if (control !== undefined) {
      const options = { limit: limits.data, name: what, transient: true };
      return { control, data: decompress(inOne(member.bytes), options) };
    }
    control = await decompressBuffer(member.bytes, { limit: CONTROL_AT_MOST, name: what });
  }
  return refuseDeb(name, `it has no ${control === undefined ? "control.tar" : "data.tar"}`);
}

async function* inOne(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  yield bytes;
}
