import { createReadStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import {
  BaseKitError,
  type Context,
  type Image,
  type PinnedReference,
  type Platform,
  parsePinnedReference,
  printable,
  step,
  systemErrorCode,
  systemErrorReason,
} from "@base-kit/core";
import {
  type Descriptor,
  openArchivePlace,
  openLayout,
  type ReadImagesOptions,
  readDockerArchive,
  readPlace,
  requireImages,
  type StoredNode,
} from "@base-kit/oci";
import { spool } from "@base-kit/rootfs";
import { DETECTION_SIZE, decompress, detectCompression } from "@base-kit/store";
import type { DestinationFlags } from "./destinations.ts";
import { parseSource, type SourceSpec } from "./options/source.ts";

/** An image that is there already, for one platform or several. */
export interface ImageSource {
  /** As it was asked for, for messages: `oci:images:v1`. */
  readonly name: string;
  /** The manifest or index with everything below it; its document's digest is what a registry knows it by. */
  readonly node: StoredNode;
  /** One per platform, in the order of the index. Documents were checked; layers are while they are read. */
  readonly images: readonly [Image, ...Image[]];
  /** What it is called where it is, if it has a name there. */
  readonly reference?: PinnedReference;
}

export interface OpenSourceOptions extends Pick<DestinationFlags, "importer" | "dockerHost" | "dockerContext"> {
  /** Only the image for this platform. @default all */
  readonly platform?: Platform;
  /** Whether layers from a registry are kept in the store, for who reads them more than once. @default true */
  readonly keep?: boolean;
  /** The manifest that a lock has recorded: of a registry, this one is read whatever the tag stands for now. */
  readonly locked?: Descriptor;
}

/**
 * Opens an image wherever it is: `docker://`, `docker-daemon:`, `oci:`, `oci-archive:`, `docker-archive:`. A bare name that is
 * a layout or an archive here means that, and otherwise an image in a registry, as in `FROM`.
 *
 * @throws BaseKitError `SOURCE_INVALID` (usage), `SOURCE_NOT_FOUND` (environment), `IMAGE_NOT_FOUND` (unsupported), and what
 *   opening each kind throws
 */
export async function openSource(
  text: string,
  context: Context,
  options: OpenSourceOptions = {},
): Promise<ImageSource> {
  const spec = await resolved(parseSource(text));
  const node = await readSource(spec, context, options);
  const reference = referenceIn(spec);
  const images = requireImages(node, text, options.platform);
  return { name: text, node, images, ...(reference === undefined ? {} : { reference }) };
}

function referenceIn(spec: ResolvedSpec): PinnedReference | undefined {
  if (spec.transport === "docker") return spec.reference;
  const name = spec.transport === "docker-daemon" ? spec.name : spec.wanted;
  try {
    return name === undefined || spec.transport === "oci" ? undefined : parsePinnedReference(name);
  } catch {
    // An id, a digest, or a tag that is none in a registry.
    return undefined;
  }
}

type ResolvedSpec = Exclude<SourceSpec, { readonly transport: "bare" }>;

async function resolved(spec: SourceSpec): Promise<ResolvedSpec> {
  if (spec.transport !== "bare") return spec;
  const { text } = spec;
  const found = await stat(text).catch(() => undefined);
  if (found?.isDirectory()) return { transport: "oci", path: text, wanted: undefined };
  if (found?.isFile()) return { transport: "docker-archive", path: text, wanted: undefined };
  // `docker://` says so when a registry really has such a name.
  if (/^[./~]|\.(?:tar|tgz)(?:\.\w+)?$/.test(text)) throw notFound(text, "there is no such file or directory");
  return { transport: "docker", reference: parsePinnedReference(text) };
}

async function readSource(spec: ResolvedSpec, context: Context, options: OpenSourceOptions): Promise<StoredNode> {
  const read: ReadImagesOptions = options.platform === undefined ? {} : { platform: options.platform };
  switch (spec.transport) {
    case "oci":
      return readPlace(await openLayout(spec.path), spec.wanted, read);
    case "oci-archive":
      return readPlace(
        await openArchivePlace(await plainFile(spec.path, context), { name: `oci-archive:${spec.path}` }),
        spec.wanted,
        read,
      );
    case "docker-archive": {
      const name = `docker-archive:${spec.path}`;
      return readDockerArchive(await plainFile(spec.path, context), spec.wanted, { ...read, name });
    }
    case "docker-daemon":
      return readDaemon(spec.name, context, options);
    case "docker":
      return readRegistry(spec.reference, context, options);
  }
}

async function readRegistry(
  reference: PinnedReference,
  context: Context,
  { platform, keep = true, locked }: OpenSourceOptions,
): Promise<StoredNode> {
  const { readImage } = await import("@base-kit/registry");
  const only = { ...(platform === undefined ? {} : { platform }), ...(locked === undefined ? {} : { locked }) };
  return step(context, `looking at ${printable(reference.familiar)}`, () =>
    readImage(reference, context, { ...only, keep }),
  );
}

async function readDaemon(name: string, context: Context, options: OpenSourceOptions): Promise<StoredNode> {
  const { findEngine, saveImage } = await import("@base-kit/importer");
  const { importer = "auto", dockerHost, dockerContext, platform } = options;
  const engine = await findEngine(
    {
      importer,
      ...(dockerHost === undefined ? {} : { host: dockerHost }),
      ...(dockerContext === undefined ? {} : { context: dockerContext }),
    },
    context,
  );
  const archive = await step(context, `saving ${printable(name)} from ${engine.kind}`, async (handle) => {
    let path: string | undefined;
    const take = async (tar: AsyncIterable<Uint8Array>) => {
      ({ path } = await spool(tar, context, (written) => handle.progress(written)));
    };
    await saveImage(engine, name, { take, context });
    if (path === undefined) throw new TypeError("the archive was taken");
    return path;
  });
  const read = { name: `docker-daemon:${name}`, ...(platform === undefined ? {} : { platform }) };
  return readDockerArchive(archive, undefined, read);
}

/** Blobs are read from their places in the file, which a compressed one does not have. */
async function plainFile(path: string, context: Context): Promise<string> {
  let head: Buffer;
  try {
    if (!(await stat(path)).isFile()) throw notFound(path, "it is not a file");
    await using file = await open(path);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(DETECTION_SIZE), 0, DETECTION_SIZE, 0);
    head = buffer.subarray(0, bytesRead);
  } catch (error) {
    if (error instanceof BaseKitError) throw error;
    const code = systemErrorCode(error);
    throw notFound(
      path,
      code === "ENOENT" ? "there is no such file" : `it cannot be read: ${systemErrorReason(error)}`,
      error,
    );
  }
  if (detectCompression(head) === "none") return path;
  const unpacked = decompress(createReadStream(path, { highWaterMark: 1024 ** 2 }), {
    name: printable(path),
    limit: UNPACKED_AT_MOST,
  });
  return (await spool(unpacked, context)).path;
}

/** As a root filesystem may have, with its headers. */
const UNPACKED_AT_MOST = 12 * 1024 ** 3;

function notFound(path: string, why: string, cause?: unknown): BaseKitError {
  return new BaseKitError("SOURCE_NOT_FOUND", `the image ${printable(path)} cannot be opened: ${why}`, {
    kind: "environment",
    hint: "Check the path; an image in a registry is written docker://NAME, one in the engine docker-daemon:NAME.",
    cause,
  });
}
