import { createReadStream } from "node:fs";
import { type Blob, type Context, type PinnedReference, printable } from "@base-kit/core";
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
   * Whether blobs go into the context's store when they are read, and come from there the next time: right for who reads a layer
   * more than once; a copy reads it once. @default true
   */
  readonly keep?: boolean;
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
  const session = await openSession(reference.registry, context, options);
  const repository = repositoryOf(session, reference);
  const root = await readManifest(repository, tagOrDigest(reference));
  return readNode(blobSource(repository, root, options), root, options);
}

/** A repository as a place of blobs; `known` is a document that was read already. */
export function blobSource(
  repository: Repository,
  known: Blob,
  { keep = true }: Pick<ReadImageOptions, "keep"> = {},
): BlobSource {
  return {
    name: `docker://${repository.name}`,
    blob: (descriptor) => {
      if (descriptor.digest === known.digest) return known;
      const isDocument = isManifestType(descriptor.mediaType) || isIndexType(descriptor.mediaType);
      const download = () =>
        isDocument ? manifest(repository, descriptor) : (readBlob(repository, descriptor) as AsyncIterable<Uint8Array>);
      return {
        mediaType: descriptor.mediaType,
        digest: descriptor.digest,
        size: descriptor.size,
        open: () => (keep ? stored(descriptor, download, repository.session.context) : download()),
      };
    },
  };
}

async function* manifest(repository: Repository, { digest }: Descriptor): AsyncGenerator<Uint8Array, void, void> {
  yield* (await readManifest(repository, digest)).open();
}

async function* stored(
  { digest, size }: Descriptor,
  download: () => AsyncIterable<Uint8Array>,
  { store, reporter }: Context,
): AsyncGenerator<Uint8Array, void, void> {
  let path = await store.get(digest);
  if (path === undefined) {
    reporter.emit({ type: "noted", message: `reading ${printable(digest)}` });
    path = await store.put({ digest, size }, download());
  }
  yield* createReadStream(path, { highWaterMark: 1024 ** 2 });
}
