import { BaseKitError, type Blob, type FetchResponse, printable } from "@base-kit/core";
import { Temporary } from "@base-kit/store";
import { discard, Refused } from "./answer.ts";
import { mismatch } from "./read-manifest.ts";
import { inRepository, type Repository } from "./repository.ts";
import { type UploadSource, uploadSource } from "./upload-source.ts";

export interface PushBlobOptions {
  /** A repository of the same registry that may have the blob already. */
  readonly from?: string;
  readonly onBytes?: (count: number) => void;
}

/** What became of a blob: it was there, was taken over from another repository, or was sent. */
export type PushedBlob = "there" | "mounted" | "sent";

/** A proxy that refuses large requests takes these; a failure then costs no more than one. Bytes. */
const CHUNK = 16 * 1024 ** 2;

/**
 * Puts a blob into a repository: distribution specification, "Pushing blobs". In one piece when all goes well; after a
 * failure from where the registry says it stopped, in chunks.
 *
 * @throws BaseKitError `REGISTRY_…`, `FETCH_…` (network), what reading the blob throws
 */
export async function pushBlob(
  repository: Repository,
  blob: Blob,
  { from, onBytes = () => {} }: PushBlobOptions = {},
): Promise<PushedBlob> {
  if (await isThere(repository, blob)) return "there";
  const tries = repository.session.tries();
  const source = uploadSource(blob, onBytes);
  let upload: Upload | undefined;
  try {
    for (;;) {
      try {
        const begun = upload ?? (await begin(repository, blob, from));
        if (begun === "mounted") return "mounted";
        upload = begun;
        await send(repository, { blob, source, upload });
        return "sent";
      } catch (error) {
        const again = passing(error, upload);
        if (again === undefined) throw error;
        await tries.next(again);
        // The answer may be all that was lost.
        if (await isThere(repository, blob)) return "sent";
        upload = upload && (await resume(repository, upload));
      }
    }
  } finally {
    await source.close();
  }
}

/** An upload that was begun. */
interface Upload {
  /** Where it goes on: the registry names a new place after every request. */
  location: string;
  /** Bytes the registry has. */
  offset: number;
  /** Bytes of a request; undefined for all at once. */
  chunk: number | undefined;
  /** Bytes that a chunk has to have, the last one apart. */
  readonly least: number;
}

interface Sending {
  readonly blob: Blob;
  readonly source: UploadSource;
  readonly upload: Upload;
}

async function isThere(repository: Repository, { digest, size }: Blob): Promise<boolean> {
  const { session } = repository;
  return session.retried(async () => {
    const request = { method: "HEAD", actions: "pull,push", verb: "looking at", expect: [200, 404] } as const;
    const response = await session.send(inRepository(repository, `blobs/${digest}`, request));
    await discard(response);
    const length = response.headers["content-length"];
    return response.status === 200 && (length === undefined || Number(length) === size);
  });
}

async function begin(repository: Repository, blob: Blob, from: string | undefined): Promise<Upload | "mounted"> {
  if (from === undefined || from === repository.path) return ask(repository, blob, undefined);
  return ask(repository, blob, from).catch((error: unknown) => {
    // Who may not read there can still send.
    if (error instanceof Refused) return ask(repository, blob, undefined);
    throw error;
  });
}

async function ask(repository: Repository, { digest }: Blob, mount: string | undefined): Promise<Upload | "mounted"> {
  const { session } = repository;
  const query = mount === undefined ? "" : `?${new URLSearchParams({ mount: digest, from: mount })}`;
  const response = await session.send(
    inRepository(repository, `blobs/uploads/${query}`, {
      method: "POST",
      body: empty(),
      actions: "pull,push",
      verb: "pushing",
      expect: mount === undefined ? [202] : [201, 202],
      ...(mount === undefined ? {} : { alsoFrom: mount }),
    }),
  );
  await discard(response);
  if (response.status === 201) return "mounted";
  const least = Number(response.headers["oci-chunk-min-length"] ?? 0);
  return {
    location: locationIn(repository, response),
    offset: 0,
    chunk: undefined,
    least: Number.isSafeInteger(least) ? least : 0,
  };
}

async function send(repository: Repository, { blob, source, upload }: Sending): Promise<void> {
  if (upload.offset > 0 || upload.chunk !== undefined) await sendChunks(repository, { blob, source, upload });
  const url = withDigest(upload.location, blob.digest);
  const rest = blob.size - upload.offset;
  const response = await repository.session
    .send({
      ...inRepository(repository, "", { method: "PUT", actions: "pull,push", verb: "pushing", expect: [201, 204] }),
      url,
      headers: { "content-type": "application/octet-stream" },
      body: rest === 0 ? empty() : source.part(upload.offset, rest),
    })
    .catch((error: unknown) => {
      // Something on the way takes no large requests.
      if (error instanceof Refused && error.status === 413 && upload.chunk === undefined && rest > CHUNK) {
        upload.chunk = CHUNK;
        throw new Temporary(error);
      }
      throw error;
    });
  await discard(response);
  const told = response.headers["docker-content-digest"];
  if (told !== undefined && told !== blob.digest) {
    throw mismatch(`pushing the blob ${blob.digest} to ${printable(repository.name)}`, blob.digest, told);
  }
}

async function sendChunks(repository: Repository, { blob, source, upload }: Sending): Promise<void> {
  const size = Math.max(upload.chunk ?? CHUNK, upload.least);
  while (upload.offset < blob.size) {
    const count = Math.min(size, blob.size - upload.offset);
    const response = await repository.session.send({
      ...inRepository(repository, "", { method: "PATCH", actions: "pull,push", verb: "pushing", expect: [202, 204] }),
      url: upload.location,
      headers: {
        "content-type": "application/octet-stream",
        "content-range": `${upload.offset}-${upload.offset + count - 1}`,
      },
      body: source.part(upload.offset, count),
    });
    await discard(response);
    upload.location = locationIn(repository, response);
    upload.offset = offsetIn(response) ?? upload.offset + count;
    if (upload.offset > blob.size) throw wrongOffset(repository, upload.offset);
  }
}

/** Where an upload stands; undefined when the registry has forgotten it, so that a new one has to be begun. */
async function resume(repository: Repository, upload: Upload): Promise<Upload | undefined> {
  const { session } = repository;
  return session.retried(async () => {
    const response = await session.send({
      ...inRepository(repository, "", {
        actions: "pull,push",
        verb: "pushing",
        expect: [204, 202, 400, 404, 405, 416],
      }),
      url: upload.location,
    });
    await discard(response);
    if (response.status !== 204 && response.status !== 202) return undefined;
    return { ...upload, location: locationIn(repository, response), offset: offsetIn(response) ?? 0 };
  });
}

/** The registry's own words for how much it has: `Range: 0-1023`; `0-0` means nothing to some. */
function offsetIn({ headers }: FetchResponse): number | undefined {
  const [, last] = /^(?:bytes=)?0-(\d{1,15})$/.exec(headers["range"] ?? "") ?? [];
  if (last === undefined) return undefined;
  return last === "0" ? 0 : Number(last) + 1;
}

function locationIn(repository: Repository, { headers, url }: FetchResponse): string {
  const location = headers["location"];
  const next = location !== undefined && URL.canParse(location, url) ? new URL(location, url) : undefined;
  const plain = next?.protocol === "http:" && repository.session.host.origin.startsWith("https:");
  if (next !== undefined && !plain && /^https?:$/.test(next.protocol)) return next.href;
  throw new BaseKitError(
    "REGISTRY_ANSWER_INVALID",
    `pushing ${printable(repository.name)} failed: the registry does not say where the upload goes on`,
    { kind: "network", hint: "Its tags are as they were before." },
  );
}

function withDigest(location: string, digest: string): string {
  // Added as text: the rest of the query may be signed, and must not be written in another way.
  return `${location}${location.includes("?") ? "&" : "?"}digest=${encodeURIComponent(digest)}`;
}

/** Besides what the session knows: an upload that the registry has lost, or counts differently, is begun again. */
function passing(error: unknown, upload: Upload | undefined): Temporary | undefined {
  if (error instanceof Temporary) return error;
  const lost = upload !== undefined && error instanceof Refused && [400, 404, 416].includes(error.status);
  return lost ? new Temporary(error) : undefined;
}

function wrongOffset(repository: Repository, offset: number): BaseKitError {
  const text = `pushing ${printable(repository.name)} failed: the registry says it has ${offset} bytes, which is more than there are`;
  return new BaseKitError("REGISTRY_ANSWER_INVALID", text, { kind: "network" });
}

function empty() {
  return { size: 0, open: async function* () {} };
}
