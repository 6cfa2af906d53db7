import { type Context, type Digest, type PinnedReference, printable, step } from "@base-kit/core";
import { type Descriptor, MEDIA_TYPE } from "@base-kit/oci";
import { pushBlob } from "./push-blob.ts";
import { putManifest } from "./push-image.ts";
import { readManifest } from "./read-manifest.ts";
import { addToFallback, inMemory, listReferrers } from "./referrers.ts";
import { repositoryOf, tagOrDigest } from "./repository.ts";
import { openSession, type RegistryOptions } from "./session.ts";

/** A document about an image. */
export interface Attachment {
  /** What it is: `application/spdx+json`. */
  readonly type: string;
  readonly bytes: Buffer;
  /** What it is called: `sbom.spdx.json`. */
  readonly title?: string;
}

export interface Attached {
  /** Of the manifest or index that it belongs to. */
  readonly subject: Digest;
  /** Of the manifest that holds the document. */
  readonly digest: Digest;
  /** `referrers` when the registry knows what belongs to what, else the tag under which it is listed. */
  readonly listedAt: string;
}

const EMPTY_TYPE = "application/vnd.oci.empty.v1+json";

/**
 * Puts a document, such as a list of packages or a signature, beside an image, so that tools find it by the image's digest: OCI image
 * specification 1.1, "Guidelines for Artifact Usage". The image and its tags stay as they are; the same document twice is one.
 *
 * @throws BaseKitError `REGISTRY_…`, `FETCH_…` (network)
 */
export async function attach(
  reference: PinnedReference,
  attachment: Attachment,
  { context, ...options }: RegistryOptions & { readonly context: Context },
): Promise<Attached> {
  return step(context, `attaching to ${printable(reference.familiar)}`, async () => {
    const repository = repositoryOf(await openSession(reference.registry, context, options), reference);
    const { mediaType, digest, size } = await readManifest(repository, tagOrDigest(reference));
    const subject: Descriptor = { mediaType, digest, size };
    const content = inMemory(attachment.type, attachment.bytes);
    const empty = inMemory(EMPTY_TYPE, Buffer.from("{}"));
    for (const blob of [content, empty]) await pushBlob(repository, blob);
    const { title } = attachment;
    const manifest = inMemory(
      MEDIA_TYPE.manifest,
      Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: MEDIA_TYPE.manifest,
          artifactType: attachment.type,
          config: plain(empty),
          layers: [
            {
              ...plain(content),
              ...(title === undefined ? {} : { annotations: { "org.opencontainers.image.title": title } }),
            },
          ],
          subject,
        }),
      ),
    );
    const known = await putManifest(repository, manifest, manifest.digest);
    if (!known) await addToFallback(repository, digest, { ...plain(manifest), artifactType: attachment.type });
    const listedAt = known ? "referrers" : digest.replace(":", "-");
    return { subject: digest, digest: manifest.digest, listedAt };
  });
}

/** The documents that belong to an image. */
export async function listAttachments(
  reference: PinnedReference,
  { context, ...options }: RegistryOptions & { readonly context: Context },
): Promise<readonly Descriptor[]> {
  const repository = repositoryOf(await openSession(reference.registry, context, options), reference);
  const { digest } = await readManifest(repository, tagOrDigest(reference));
  return listReferrers(repository, digest);
}

function plain({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}
