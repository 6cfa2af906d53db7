import { printable } from "@base-kit/core";
import type { Endpoint } from "./endpoint.ts";

/** What an engine tells of itself at once. */
export interface EngineDescription {
  readonly kind: "docker" | "podman";
  /** As in DOCKER_HOST. */
  readonly endpoint: string;
  /** Who named the endpoint: `DOCKER_HOST`, `context desktop-linux`, `default socket`. */
  readonly source: string;
  /** The newest version of Docker's API that the engine speaks, which is the one that is used. */
  readonly apiVersion: string;
}

/** What it tells when it is asked, which takes ten milliseconds: Docker runs containerd and runc to know their versions. */
export interface EngineFacts {
  readonly version: string;
  /** In Go's words: `amd64`. */
  readonly architecture: string;
  /** Graph driver (`overlay2`) or `containerd snapshotter (overlayfs)`, where the engine tells. */
  readonly storage?: string;
  /** Directory on the engine's machine that holds its images and containers, where the engine tells. */
  readonly dataRoot?: string;
}

/** How images are handed over: by the docker program, or by talking to the engine ourselves. */
export type Importer = "docker-cli" | "engine-api";

/** An engine that answered, and how to hand it an image. */
export interface Engine extends EngineDescription {
  readonly importer: Importer;
  readonly address: Endpoint;
  /** Name of the Docker context behind it, if there is one. */
  readonly context?: string;
}

/** For messages: `docker at unix:///var/run/docker.sock`. */
export function engineName({ kind, endpoint }: Pick<EngineDescription, "kind" | "endpoint">): string {
  return `${kind} at ${printable(endpoint)}`;
}
