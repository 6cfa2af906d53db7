import { createReadStream } from "node:fs";
import { type Blob, type Context, type PinnedReference, printable, step } from "@base-kit/core";
import {
  type BlobSource,
  type Descriptor,
  isIndexType,
  isManifestType,
  type ReadImagesOptions,
  readNode,
  type StoredNode,
} from "@base-kit/oci";
import { readBlob } from "./read-blob.ts";
import { readManifest } from "./read-manifest.ts";
import { type Repository, repositoryOf, tagOrDigest } from "./repository.ts";
import { openSession, type RegistryOptions } from "./session.ts";

export interface ReadImageOptions extends RegistryOptions, ReadImagesOptions {
  /**
   * Whether everything goes into the context's store when it is read, and comes from there the next time: right for who reads a
   * layer more than once; a copy reads it once. @default true
   */
  readonly keep?: boolean;
  /** What a lock has recorded of the manifest. With all of it in the store the registry is not asked. */
  readonly locked?: Descriptor;
}

/**
 * An image in a registry, or the images of an index. Manifests and configs are read at once, layers when they are asked for.
 *
 * @throws BaseKitError `REGISTRY_NOT_FOUND`, `REGISTRY_DENIED`, `REGISTRY_…`, `FETCH_…` (network), `REGISTRY_DIGEST_MISMATCH`,
 *   `BLOB_MISMATCH` (verification), `DOCUMENT_INVALID` (unsupported)
 */
export async function readImage(
  reference: PinnedReference,
  context: Context,
  options: ReadImageOptions = {},
): Promise<StoredNode> {
  const { keep = true, locked } = options;
  let opened: Promise<Repository> | undefined;
  const repository = (): Promise<Repository> => {
    opened ??= openSession(reference.registry, context, options).then((session) => repositoryOf(session, reference));
    return opened;
  };
  const source: BlobSource = {
    name: `docker://${reference.familiar}`,
    blob: (descriptor) => ({
      mediaType: descriptor.mediaType,
      digest: descriptor.digest,
      size: descriptor.size,
      open: () => (keep ? stored(descriptor, repository, context) : download(descriptor, repository)),
    }),
  };
  if (locked !== undefined) return readNode(source, locked, options);
  const root = await readManifest(await repository(), tagOrDigest(reference));
  if (keep) await context.store.put(root, root.open());
  return readNode(knowing(root, source), root, options);
}

/** A document that was read by its tag need not be read again. */
function knowing(known: Blob, source: BlobSource): BlobSource {
  return { ...source, blob: (each) => (each.digest === known.digest ? known : source.blob(each)) };
}

async function* stored(
  descriptor: Descriptor,
  repository: () => Promise<Repository>,
  context: Context,
): AsyncGenerator<Uint8Array, void, void> {
  const { digest, size } = descriptor;
  const path = (await context.store.get(digest)) ?? (await fetched(descriptor, repository, context));
  yield* createReadStream(path, { highWaterMark: 1024 ** 2, ...(size === 0 ? {} : { end: size - 1 }) });
}

async function fetched(
  descriptor: Descriptor,
  repository: () => Promise<Repository>,
  { store, ...context }: Context,
): Promise<string> {
  const { digest, size, mediaType } = descriptor;
  if (isDocument(mediaType)) return store.put({ digest, size }, download(descriptor, repository));
  const { name } = await repository();
  return step(context, `fetching ${digest.slice(0, 19)} of ${printable(name)}`, (handle) => {
    let received = 0;
    const counted = async function* () {
      for await (const chunk of download(descriptor, repository)) {
        received += chunk.length;
        handle.progress(received, { total: size });
        yield chunk;
      }
    };
    return store.put({ digest, size }, counted());
  });
}

async function* download(
  descriptor: Descriptor,
  repository: () => Promise<Repository>,
): AsyncGenerator<Uint8Array, void, void> {
  if (isDocument(descriptor.mediaType)) yield* (await readManifest(await repository(), descriptor.digest)).open();
  else yield* readBlob(await repository(), descriptor);
}

function isDocument(mediaType: string): boolean {
  return isManifestType(mediaType) || isIndexType(mediaType);
}
