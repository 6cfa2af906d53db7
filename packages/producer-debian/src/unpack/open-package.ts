import { readFile } from "node:fs/promises";
import type { Content, Context } from "@base-kit/core";
import { type KeepData, keptContents, type Stretch } from "@base-kit/rootfs";
import { openDeb } from "./deb.ts";
import { packageReader } from "./read-package.ts";
import type { UnpackedPackage } from "./unpacked.ts";

/** A package file whose contents are known, and can be read. */
export interface OpenedPackage {
  readonly contents: UnpackedPackage;
  /** The bytes of one of its files, by their place in the data archive. */
  readonly content: (place: Stretch) => Content;
}

export interface PackageFile {
  readonly path: string;
  readonly sha256: string;
  /** For messages: `bash_5.2.15-2_amd64.deb`. */
  readonly name: string;
}

/** Raised when the same package comes to be read as other contents. */
const FORMAT = 1;
/** Four times what a package says is Debian's widest margin; what is known before it is unpacked is its own size. */
const EXPANSION_AT_MOST = 200;
const ROOM = 64 * 1024 ** 2;

/**
 * Opens a package that has been verified.
 *
 * @throws BaseKitError `DEB_INVALID` (verification), `TAR_…`, `DECOMPRESS_…`
 */
export async function openPackage(file: PackageFile, context: Context): Promise<OpenedPackage> {
  const unpack = async (keep: KeepData) => {
    const bytes = await readFile(file.path);
    const limits = { data: bytes.length * EXPANSION_AT_MOST + ROOM };
    const { control, data } = await openDeb(bytes, { name: file.name, limits });
    const reader = packageReader(control, file.name);
    await keep(seen(data, reader.push));
    return reader.end();
  };
  const kept = await keptContents(`deb-contents:${FORMAT}:sha256:${file.sha256}`, unpack, context);
  return { contents: kept.facts, content: kept.content };
}

async function* seen(
  chunks: AsyncIterable<Uint8Array>,
  see: (chunk: Uint8Array) => void,
): AsyncGenerator<Uint8Array, void, void> {
  for await (const chunk of chunks) {
    see(chunk);
    yield chunk;
  }
}
