import { createHash } from "node:crypto";
import { BaseKitError, type Blob, type Digest, JSON_AT_MOST, member, parseJson, printable } from "@base-kit/core";
import { DOCKER_MEDIA_TYPE, isIndexType, isManifestType, MEDIA_TYPE } from "@base-kit/oci";
import { discard, readAtMost } from "./answer.ts";
import { inRepository, type Repository } from "./repository.ts";

const ACCEPT = [MEDIA_TYPE.index, MEDIA_TYPE.manifest, DOCKER_MEDIA_TYPE.index, DOCKER_MEDIA_TYPE.manifest].join(", ");

/**
 * The manifest or index a tag or digest names. Its bytes have the digest that was asked for, or, for a tag, the one the registry told
 * with them.
 *
 * @throws BaseKitError `REGISTRY_NOT_FOUND`, `REGISTRY_…` (network), `REGISTRY_DIGEST_MISMATCH` (verification)
 */
export async function readManifest(repository: Repository, reference: string): Promise<Blob> {
  const { session, name } = repository;
  const doing = `reading ${printable(`${name}${reference.startsWith("sha256:") ? "@" : ":"}${reference}`)}`;
  const { bytes, headers } = await session.retried(async () => {
    const request = inRepository(repository, `manifests/${reference}`, {
      headers: { accept: ACCEPT },
      actions: "pull",
      verb: "reading",
      expect: [200],
    });
    const response = await session.send({ ...request, doing });
    const { context } = session;
    return { bytes: await readAtMost(response, JSON_AT_MOST, { doing, context }), headers: response.headers };
  });
  const digest: Digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  const told = headers["docker-content-digest"];
  for (const promised of [reference.startsWith("sha256:") ? reference : undefined, told]) {
    if (promised !== undefined && promised !== digest) throw mismatch(doing, promised, digest);
  }
  return {
    mediaType: mediaTypeOf(headers["content-type"], bytes),
    digest,
    size: bytes.length,
    open: async function* () {
      yield bytes;
    },
  };
}

/** What the header says; where that is something general, what the document says of itself. */
function mediaTypeOf(header = "", bytes: Buffer): string {
  const said = header.split(";")[0]?.trim().toLowerCase() ?? "";
  if (isManifestType(said) || isIndexType(said)) return said;
  try {
    const own = member(parseJson(bytes, "the manifest"), "mediaType")?.value;
    return typeof own === "string" ? own : said;
  } catch {
    return said;
  }
}

/** The digest a tag or digest has in the registry; undefined when there is none, or the registry does not tell. */
export async function manifestDigest(repository: Repository, reference: string): Promise<string | undefined> {
  const { session } = repository;
  return session.retried(async () => {
    const response = await session.send(
      inRepository(repository, `manifests/${reference}`, {
        method: "HEAD",
        headers: { accept: ACCEPT },
        actions: "pull,push",
        verb: "looking at",
        expect: [200, 404],
      }),
    );
    await discard(response);
    return response.status === 200 ? response.headers["docker-content-digest"] : undefined;
  });
}

export function mismatch(doing: string, expected: string, found: string): BaseKitError {
  return new BaseKitError(
    "REGISTRY_DIGEST_MISMATCH",
    `${doing} failed: expected ${printable(expected)}, found ${printable(found)}`,
    {
      kind: "verification",
      hint: "The registry or something on the way to it is damaged, or means harm. Nothing of it was used.",
    },
  );
}
