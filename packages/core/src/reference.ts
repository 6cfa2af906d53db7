import { printable } from "./bytes.ts";
import { BaseKitError } from "./errors.ts";
import type { Digest } from "./image.ts";

/** The name of an image, taken apart. */
export interface ImageReference {
  /** `docker.io` when none was given. */
  readonly registry: string;
  /** With `library/` for Docker Hub's one-word names. */
  readonly repository: string;
  /** `latest` when none was given. */
  readonly tag: string;
  /** As people write and see it: Docker Hub and `library/` left out, the tag always there. */
  readonly familiar: string;
}

// Grammar: github.com/distribution/reference, the package Docker, podman and containerd share.
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const REGISTRY =
  /^(?:localhost|[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/;
const NAME_AT_MOST = 255;

/**
 * `name[:tag]` by Docker's rules.
 *
 * @throws BaseKitError `REFERENCE_INVALID` or `REFERENCE_RESERVED` (usage)
 */
export function parseReference(text: string): ImageReference {
  const refuse = (why: string, hint?: string): never => {
    throw new BaseKitError("REFERENCE_INVALID", `image name ${printable(text)} is refused: ${why}`, {
      kind: "usage",
      hint:
        hint ?? "A name looks like demo/bookworm, demo/bookworm:1.0 or registry.example.com:5000/demo/bookworm:1.0.",
    });
  };
  if (text.includes("@")) refuse("a digest cannot be chosen, it follows from the image", "Leave the @sha256:… away.");
  const slash = text.indexOf("/");
  const first = slash < 0 ? "" : text.slice(0, slash);
  const hasRegistry = slash >= 0 && (/[.:[]/.test(first) || first === "localhost");
  if (hasRegistry && !REGISTRY.test(first)) refuse(`${printable(first)} is not a registry host`);
  const registry = hasRegistry ? first : "docker.io";
  const rest = hasRegistry ? text.slice(slash + 1) : text;
  const colon = rest.lastIndexOf(":");
  const path = colon < 0 ? rest : rest.slice(0, colon);
  const tag = colon < 0 ? "latest" : rest.slice(colon + 1);
  if (path === "") refuse("it is empty");
  if (path.toLowerCase() !== path) refuse("upper-case letters are not allowed in it");
  if (path.length > NAME_AT_MOST) refuse(`it is longer than ${NAME_AT_MOST} characters`);
  const wrong = path.split("/").find((component) => !COMPONENT.test(component));
  if (wrong !== undefined)
    refuse(`${printable(wrong)} may only hold a-z, 0-9 and single separators . _ - between them`);
  if (!TAG.test(tag)) refuse(`the tag ${printable(tag)} may only hold letters, digits, _ . - and at most 128 of them`);
  if (/^[0-9a-f]{64}$/.test(path)) refuse("64 hexadecimal digits are an image id");
  const word = registry === "docker.io" ? path.replace(/^library\//, "") : path;
  if (word === "sha256" && registry === "docker.io") refuse("sha256 and a colon begin an image id");
  if (word === "scratch") {
    throw new BaseKitError(
      "REFERENCE_RESERVED",
      "the image name scratch is refused: Docker reserves it for the empty image",
      {
        kind: "usage",
        hint: "Choose another name; `FROM scratch` needs no image.",
      },
    );
  }
  const repository = registry === "docker.io" && !path.includes("/") ? `library/${path}` : path;
  const prefix = registry === "docker.io" ? "" : `${registry}/`;
  const short = registry === "docker.io" ? repository.replace(/^library\/(?=[^/]+$)/, "") : repository;
  return { registry, repository, tag, familiar: `${prefix}${short}:${tag}` };
}

/** A name of an image that is there already: it may say by its digest which one is meant. */
export interface PinnedReference extends ImageReference {
  readonly digest?: Digest;
}

/**
 * `name[:tag][@sha256:…]`.
 *
 * @throws BaseKitError `REFERENCE_INVALID` or `REFERENCE_RESERVED` (usage)
 */
export function parsePinnedReference(text: string): PinnedReference {
  const at = text.indexOf("@");
  if (at < 0) return parseReference(text);
  const digest = text.slice(at + 1);
  if (!/^sha256:[0-9a-f]{64}$/.test(digest)) {
    throw new BaseKitError(
      "REFERENCE_INVALID",
      `image name ${printable(text)} is refused: ${printable(digest)} is not a digest`,
      { kind: "usage", hint: "A digest is sha256: and 64 hexadecimal digits." },
    );
  }
  return { ...parseReference(text.slice(0, at)), digest: digest as Digest };
}

/** With registry and repository written out: what podman and containerd need so that they do not guess. */
export function fullyQualified(reference: ImageReference): string {
  return `${reference.registry}/${reference.repository}:${reference.tag}`;
}
