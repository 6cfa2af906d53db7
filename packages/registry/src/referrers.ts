import { type Blob, type Digest, JSON_AT_MOST, printable } from "@base-kit/core";
import { type Descriptor, digestOf, MEDIA_TYPE, parseIndex } from "@base-kit/oci";
import { discard, readAtMost } from "./answer.ts";
import { putManifest } from "./push-image.ts";
import { inRepository, type Repository } from "./repository.ts";

/**
 * What says in a repository that it belongs to a manifest: distribution specification 1.1, "Listing Referrers", and for registries
 * that do not know of it the index under the tag `sha256-…`, "Referrers Tag Schema".
 */
export async function listReferrers(repository: Repository, subject: Digest): Promise<readonly Descriptor[]> {
  return (
    (await readIndex(repository, `referrers/${subject}`)) ?? (await readIndex(repository, fallback(subject))) ?? []
  );
}

/** Adds to the index under the tag; for a registry that did not say it had seen the subject. */
export async function addToFallback(repository: Repository, subject: Digest, added: Descriptor): Promise<void> {
  const before = (await readIndex(repository, fallback(subject))) ?? [];
  if (before.some(({ digest }) => digest === added.digest)) return;
  const manifests = [...before, added];
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE.index, manifests }));
  await putManifest(repository, inMemory(MEDIA_TYPE.index, bytes), subject.replace(":", "-"));
}

function fallback(subject: Digest): string {
  return `manifests/${subject.replace(":", "-")}`;
}

/** Undefined when the registry has none at this place. */
async function readIndex(repository: Repository, path: string): Promise<readonly Descriptor[] | undefined> {
  const { session, name } = repository;
  const request = inRepository(repository, path, {
    headers: { accept: MEDIA_TYPE.index },
    actions: "pull",
    verb: "listing what belongs to an image of",
    // Some say 400 to an address they do not know.
    expect: [200, 400, 404, 405],
  });
  return session.retried(async () => {
    const response = await session.send(request);
    if (response.status !== 200) {
      await discard(response);
      return undefined;
    }
    const bytes = await readAtMost(response, JSON_AT_MOST, { doing: request.doing, context: session.context });
    return parseIndex(bytes, `${printable(path)} of ${printable(name)}`);
  });
}

export function inMemory(mediaType: string, bytes: Buffer): Blob {
  return {
    mediaType,
    digest: digestOf(bytes),
    size: bytes.length,
    open: async function* () {
      yield bytes;
    },
  };
}
