import { createReadStream } from "node:fs";
import {
  BaseKitError,
  type Blob,
  type Context,
  type Digest,
  defineProducer,
  formatPlatform,
  fullyQualified,
  type Image,
  type Lock,
  type LockedInput,
  type Producer,
  printable,
} from "@base-kit/core";
import {
  type ConfigDocument,
  type Descriptor,
  flattenedSegment,
  imagesOf,
  parseConfig,
  readDocument,
  readNode,
  requireImages,
} from "@base-kit/oci";
import { describeRootfs } from "@base-kit/rootfs";
import { strictObject } from "zod";
import { parseSource } from "./options/source.ts";
import { openSource } from "./sources.ts";

/**
 * An image that is there already, as the root filesystem of another. It lives here because a producer knows no images; to all
 * that comes after it, it is a producer like the others.
 */
export const existingImage: Producer = defineProducer({
  name: "image",
  summary: "an image from a registry, an engine, a layout or an archive, as the base of another",
  releases: ["debian:bookworm-slim", "alpine:3.20", "oci:DIRECTORY:TAG", "docker-daemon:NAME"],
  schema: async () => strictObject({}),
  resolve: async ({ release, platform, sourceDateEpoch }, context) => {
    const from = required(release);
    const source = await openSource(from, context, { platform });
    const [image] = source.images;
    const { created } = await readConfig(image, from);
    return {
      lockVersion: 1,
      producer: "image",
      release: from,
      platform,
      sourceDateEpoch: sourceDateEpoch ?? secondsOf(created),
      inputs: [inputOf(image, source.node.document.digest, source.reference && fullyQualified(source.reference))],
      options: {},
    };
  },
  produce: async (lock, context) => {
    const image = await lockedImage(lock, context);
    // Layers of a registry come side by side; read to their first bytes they are in the store.
    await Promise.all(image.layers.map(begin));
    const segment = await flattenedSegment(image, context);
    const described = await describeRootfs([segment], lock.platform, image.runtime);
    const { history } = await readConfig(image, lock.release);
    return { ...described, history };
  },
});

/** Annotations of an image that was made on another one: OCI image specification 1.1, "Pre-Defined Annotation Keys". */
export function baseAnnotations({ producer, inputs }: Lock): Readonly<Record<string, string>> {
  const [input] = inputs;
  if (producer !== "image" || input?.facts?.["digest"] === undefined) return {};
  return {
    "org.opencontainers.image.base.digest": input.facts["digest"],
    ...(input.facts["reference"] === undefined
      ? {}
      : { "org.opencontainers.image.base.name": input.facts["reference"] }),
  };
}

function required(release: string | undefined): string {
  if (release !== undefined && release !== "") return release;
  throw new BaseKitError("RELEASE_MISSING", "the producer image needs to know which image", {
    kind: "usage",
    hint: "Write it as in FROM: base-kit build image:debian:bookworm-slim, or image:oci:DIRECTORY:TAG.",
  });
}

/** The manifest says by their digests everything that is in the image. */
function inputOf({ manifest }: Image, index: Digest, reference: string | undefined): LockedInput {
  return {
    name: "image",
    url: `pkg:oci/image@${manifest.digest}`,
    size: manifest.size,
    facts: {
      digest: manifest.digest,
      mediaType: manifest.mediaType,
      ...(index === manifest.digest ? {} : { index }),
      ...(reference === undefined ? {} : { reference }),
    },
  };
}

async function lockedImage({ release, platform, inputs }: Lock, context: Context): Promise<Image> {
  const locked = descriptorOf(inputs[0]);
  const spec = parseSource(release);
  // A registry's are taken from there one by one.
  const kept = spec.transport === "docker" ? undefined : await storedImage(locked, release, context);
  if (kept !== undefined) return kept;
  const source = await openSource(release, context, { platform, locked });
  const found = source.images.find(({ manifest }) => manifest.digest === locked.digest);
  if (found !== undefined) return found;
  const there = requireImages(source.node, release, platform).map(({ manifest }) => manifest.digest);
  throw new BaseKitError(
    "IMAGE_CHANGED",
    `${printable(release)} is not the image of the lock: expected ${locked.digest} for ${formatPlatform(platform)}, found ${there.join(", ")}`,
    {
      kind: "verification",
      hint: `Take the new one with \`base-kit lock --update\`${spec.transport === "docker" ? "" : ", or put the old one back"}. Nothing was written.`,
    },
  );
}

function descriptorOf(input: LockedInput | undefined): Descriptor {
  const { digest, mediaType } = input?.facts ?? {};
  if (input?.size !== undefined && mediaType !== undefined && /^sha256:[0-9a-f]{64}$/.test(digest ?? "")) {
    return { mediaType, digest: digest as Digest, size: input.size };
  }
  throw new BaseKitError("LOCK_INVALID", "the lock of an image does not say which manifest it is", { kind: "usage" });
}

/** All that a locked image is made of, for who copies it. */
export async function lockedBlobs(lock: Lock, context: Context): Promise<readonly Blob[]> {
  const { manifest, config, layers } = await lockedImage(lock, context);
  return [manifest, config, ...layers];
}

/** The image where all of it is in the store: of `lock --vendor`, when the place it came from is gone. */
async function storedImage(locked: Descriptor, name: string, { store }: Context): Promise<Image | undefined> {
  if ((await store.get(locked.digest)) === undefined) return undefined;
  const pathOf = async (digest: Digest): Promise<string> => {
    const path = await store.get(digest);
    if (path === undefined) throw new NotStored();
    return path;
  };
  const blob = (each: Descriptor): Blob => ({
    ...each,
    open: async function* () {
      yield* createReadStream(await pathOf(each.digest), { highWaterMark: 1024 ** 2 });
    },
  });
  try {
    const [image] = imagesOf(await readNode({ name, blob }, locked));
    for (const { digest } of image?.layers ?? []) await pathOf(digest);
    return image;
  } catch (error) {
    if (error instanceof NotStored) return undefined;
    throw error;
  }
}

class NotStored extends Error {}

async function readConfig(image: Image, from: string): Promise<ConfigDocument> {
  return parseConfig(await readDocument(image.config, "the config", from), `the config of ${printable(from)}`);
}

async function begin(layer: Image["layers"][number]): Promise<void> {
  for await (const _ of layer.open()) return;
}

/** RFC 3339 as seconds since 1970; images that hide their time say the year 1, or nothing. */
function secondsOf(created: string | undefined): number {
  const milliseconds = Date.parse(created ?? "");
  return Number.isNaN(milliseconds) ? 0 : Math.max(0, Math.floor(milliseconds / 1000));
}
