import { closeSync, openSync, readSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Content, Context } from "@base-kit/core";
import { openDeb } from "./deb.ts";
import { readPackage } from "./read-package.ts";
import type { DataMember, UnpackedPackage } from "./unpacked.ts";

/** A package file whose contents are known, and can be read. */
export interface OpenedPackage {
  readonly contents: UnpackedPackage;
  /** The bytes of one of its files. */
  content(member: DataMember): Content;
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
const CHUNK = 1024 ** 2;

/**
 * Opens a package that has been verified. What it holds is remembered, so that it need be unpacked again only when bytes are
 * asked for that nobody has kept; then its data goes to the context's temporary directory.
 *
 * @throws BaseKitError `DEB_INVALID` (verification), `TAR_…`, `DECOMPRESS_…`
 */
export async function openPackage(file: PackageFile, context: Context): Promise<OpenedPackage> {
  const key = `deb-contents:${FORMAT}:sha256:${file.sha256}`;
  const kept = await context.store.recall(key);
  if (kept !== undefined) return lazily(JSON.parse(kept.toString("utf8")) as UnpackedPackage, file, context);
  const { contents, data } = await unpack(file, context);
  await context.store.remember(key, Buffer.from(JSON.stringify(contents)));
  return { contents, content: ({ offset = 0, size = 0 }) => partOf(data, offset, size) };
}

async function unpack(file: PackageFile, context: Context) {
  const bytes = await readFile(file.path);
  const opened = await openDeb(bytes, { name: file.name, limits: { data: bytes.length * EXPANSION_AT_MOST + ROOM } });
  const contents = readPackage(opened, file.name);
  const data = join(context.tempDir, `deb-${file.sha256}.tar`);
  await writeFile(data, opened.data);
  return { contents, data };
}

function lazily(contents: UnpackedPackage, file: PackageFile, context: Context): OpenedPackage {
  let unpacking: Promise<string> | undefined;
  const data = () => {
    unpacking ??= unpack(file, context).then((unpacked) => unpacked.data);
    return unpacking;
  };
  return {
    contents,
    content: async function* ({ offset = 0, size = 0 }) {
      if (size > 0) yield* partOf(await data(), offset, size);
    },
  };
}

function* partOf(path: string, offset: number, size: number): Generator<Uint8Array, void, void> {
  if (size === 0) return;
  const descriptor = openSync(path, "r");
  try {
    for (let done = 0; done < size; ) {
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK, size - done));
      const count = readSync(descriptor, chunk, 0, chunk.length, offset + done);
      if (count === 0) throw new Error(`${path} was cut off`);
      done += count;
      yield count === chunk.length ? chunk : chunk.subarray(0, count);
    }
  } finally {
    closeSync(descriptor);
  }
}
