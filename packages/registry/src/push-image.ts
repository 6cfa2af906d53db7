import { type Blob, type Context, type Digest, type ImageReference, printable, type StepHandle } from "@base-kit/core";
import { documentsIn, readDocument, type StoredNode, storedBlobs } from "@base-kit/oci";
import { discard, Refused } from "./answer.ts";
import { atOnce } from "./at-once.ts";
import { type PushBlobOptions, pushBlob } from "./push-blob.ts";
import { manifestDigest, mismatch } from "./read-manifest.ts";
import { inRepository, namedWithDigest, type Repository, repositoryOf } from "./repository.ts";
import { openSession, type RegistryOptions } from "./session.ts";

export interface PushOptions extends RegistryOptions, Pick<PushBlobOptions, "from"> {
  readonly handle?: StepHandle;
}

export interface Pushed {
  /** `example.com/a/b:1@sha256:…`. */
  readonly reference: string;
  /** Of the manifest or index. */
  readonly digest: Digest;
}

const AT_ONCE = 4;

/**
 * Puts an image, or an index with all its images, into a registry, every digest kept. Blobs first, then the manifests, then the
 * document that the tag stands for: until it is there, the tag is what it was.
 *
 * @throws BaseKitError `REGISTRY_…`, `FETCH_…` (network), `REGISTRY_DIGEST_MISMATCH` (verification), and what reading a blob throws
 */
export async function pushImage(
  node: StoredNode,
  references: readonly [ImageReference, ...ImageReference[]],
  options: PushOptions & { readonly context: Context },
): Promise<readonly Pushed[]> {
  const { context } = options;
  const sessions = new Map<string, ReturnType<typeof openSession>>();
  const results: Pushed[] = [];
  for (const reference of references) {
    const opened = sessions.get(reference.registry) ?? openSession(reference.registry, context, options);
    sessions.set(reference.registry, opened);
    const repository = repositoryOf(await opened, reference);
    await pushTo(repository, node, { ...options, tag: reference.tag });
    const { digest } = node.document;
    results.push({ reference: namedWithDigest(reference, digest), digest });
  }
  return results;
}

async function pushTo(
  repository: Repository,
  node: StoredNode,
  { tag, from, handle, context }: PushOptions & { readonly context: Context; readonly tag: string },
): Promise<void> {
  // A registry takes a manifest only when it has all that is in it.
  if ((await manifestDigest(repository, tag)) === node.document.digest) {
    handle?.detail("already there");
    return;
  }
  const documents = documentsIn(node);
  const blobs = storedBlobs(node).filter((blob) => documents.every(({ digest }) => digest !== blob.digest));
  const total = blobs.reduce((sum, blob) => sum + blob.size, 0);
  let done = 0;
  const progress = (count: number) => {
    // What had to be sent twice is counted once.
    done = Math.min(total, done + count);
    handle?.progress(done, { total });
  };
  let sent = 0;
  await atOnce(blobs, { count: AT_ONCE, signal: context.signal }, async (blob, signal) => {
    signal.throwIfAborted();
    const within = { ...repository, session: repository.session.until(signal) };
    const what = await pushBlob(within, blob, { onBytes: progress, ...(from === undefined ? {} : { from }) });
    if (what === "sent") sent += 1;
    else progress(blob.size);
  });
  handle?.detail(sent === 0 ? "blobs were there" : `${sent} of ${blobs.length} blobs sent`);
  // Children before the index that names them; each once.
  for (const document of new Map(documents.map((each) => [each.digest, each])).values()) {
    await putManifest(repository, document, document.digest === node.document.digest ? tag : document.digest);
  }
}

/** @returns whether the registry knows what a subject is (OCI 1.1 referrers) */
export async function putManifest(repository: Repository, document: Blob, reference: string): Promise<boolean> {
  const { session, name } = repository;
  const bytes = await readDocument(document, "the manifest", name);
  const doing = `pushing the manifest ${printable(`${name}${reference.startsWith("sha256:") ? "@" : ":"}${reference}`)}`;
  const open = async function* () {
    yield bytes;
  };
  return session.retried(async () => {
    const response = await session
      .send({
        ...inRepository(repository, `manifests/${reference}`, {
          method: "PUT",
          headers: { "content-type": document.mediaType },
          body: { size: bytes.length, open },
          actions: "pull,push",
          verb: "pushing",
          expect: [201, 200, 202, 204],
        }),
        doing,
      })
      .catch((error: unknown) => {
        if (error instanceof Refused && error.status === 409) throw immutable(error);
        throw error;
      });
    await discard(response);
    const told = response.headers["docker-content-digest"];
    if (told !== undefined && told !== document.digest) throw mismatch(doing, document.digest, told);
    return response.headers["oci-subject"] !== undefined;
  });
}

function immutable(error: Refused): Refused {
  return new Refused(
    409,
    error.code,
    error.message,
    "The tag may be one that cannot be moved. It is as it was before.",
  );
}
