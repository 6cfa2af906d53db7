import { type Digest, type ImageReference, type PinnedReference, printable } from "@base-kit/core";
import type { Scope } from "./scope.ts";
import type { RegistryRequest, Session } from "./session.ts";

/** One repository of a registry that is being spoken to. */
export interface Repository {
  readonly session: Session;
  /** Without the registry: `library/debian`. */
  readonly path: string;
  /** For messages and results: `docker.io/library/debian`. */
  readonly name: string;
}

export function repositoryOf(session: Session, { registry, repository }: ImageReference): Repository {
  return { session, path: repository, name: `${registry}/${repository}` };
}

/** A request to a repository's part of the API. */
export function inRepository(
  { path, name }: Repository,
  rest: string,
  request: Omit<RegistryRequest, "url" | "scopes" | "doing"> & {
    readonly actions: Scope["actions"];
    /** `reading`, `pushing`. */
    readonly verb: string;
    /** Repositories beside this one that are read from. */
    readonly alsoFrom?: string;
  },
): RegistryRequest {
  const { actions, verb, alsoFrom, ...others } = request;
  return {
    ...others,
    url: `/v2/${path}/${rest}`,
    scopes: [
      { repository: path, actions },
      ...(alsoFrom === undefined ? [] : [{ repository: alsoFrom, actions: "pull" } as const]),
    ],
    doing: `${verb} ${printable(name)}`,
  };
}

/** What the manifest is asked for by. */
export function tagOrDigest(reference: PinnedReference): string {
  return reference.digest ?? reference.tag;
}

/** `docker.io/library/debian:12@sha256:…`. */
export function namedWithDigest(reference: ImageReference, digest: Digest): string {
  return `${reference.familiar}@${digest}`;
}
