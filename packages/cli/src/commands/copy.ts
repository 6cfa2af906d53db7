import {
  BaseKitError,
  type Context,
  type Digest,
  formatPlatform,
  type ImageReference,
  type Platform,
  parsePlatform,
  printable,
  type SinkResult,
  step,
} from "@base-kit/core";
import { copyToArchive, copyToLayout, imagesOf, nodeOf, requireImages, type StoredNode } from "@base-kit/oci";
import { type DestinationFlags, findEngineSink } from "../destinations.ts";
import { directorySink } from "../directory-sink.ts";
import { layerTarSink } from "../layer-tar-sink.ts";
import { type Output, parseOutput } from "../options/outputs.ts";
import { requireOutputPlaces } from "../output-places.ts";
import { type ImageSource, openSource } from "../sources.ts";
import { STANDARD_OUTPUT } from "../standard-output.ts";

export interface CopyFlags extends Pick<DestinationFlags, "importer" | "dockerHost" | "dockerContext"> {
  readonly arch?: readonly string[];
}

export interface CopyResult {
  readonly references: readonly string[];
  /** Of the manifest or index that was copied. */
  readonly digest: Digest;
  readonly platforms: readonly string[];
}

/**
 * `base-kit copy <source> <destination>`: an image as it is from one place to another, every digest kept. All architectures
 * unless some are named.
 */
export async function copy(from: string, to: string, flags: CopyFlags, context: Context): Promise<CopyResult> {
  const platforms = (flags.arch ?? []).map(parsePlatform);
  const output = parseOutput(to, `the destination ${printable(to)}`);
  if ("path" in output && output.path === STANDARD_OUTPUT) {
    throw new BaseKitError("OUTPUT_INVALID", `copy writes no ${output.transport} to standard output`, {
      kind: "usage",
      hint: "A copy is read again and compared before it is in place. Name a file, and pipe that.",
    });
  }
  await requireOutputPlaces([output], context);
  const [only, ...others] = platforms;
  const source = await openSource(from, context, {
    ...flags,
    keep: false,
    ...(only === undefined || others.length > 0 ? {} : { platform: only }),
  });
  const node = platforms.length === 0 ? source.node : chosen(source, platforms);
  const { references } = await deliver({ source, node, output }, flags, context);
  const there = imagesOf(node).map(({ platform }) => formatPlatform(platform));
  return { references, digest: node.document.digest, platforms: [...new Set(there)] };
}

/** Of an index, the images for these platforms; what else is in it, such as attestations, belongs to the whole. */
function chosen({ node, name }: ImageSource, platforms: readonly Platform[]): StoredNode {
  const images = platforms.flatMap((platform) => requireImages(node, name, platform).slice(0, 1));
  const [first] = images;
  if (images.length === 1 && node.type === "manifest" && first?.manifest.digest === node.document.digest) return node;
  return nodeOf(images);
}

interface Delivery {
  readonly source: ImageSource;
  readonly node: StoredNode;
  readonly output: Output;
}

async function deliver(
  delivery: Delivery,
  flags: CopyFlags,
  context: Context,
): Promise<Pick<SinkResult, "references">> {
  const { node, output, source } = delivery;
  switch (output.transport) {
    case "docker":
      return push(delivery, output.reference, context);
    case "oci":
      return copyToLayout(output.path, node, { tag: output.tag ?? source.reference?.tag ?? "latest", context });
    case "oci-archive":
    case "docker-archive": {
      const reference = output.reference ?? source.reference;
      return copyToArchive(output.path, node, { references: reference === undefined ? [] : [reference], context });
    }
    case "docker-daemon": {
      const reference = output.reference ?? source.reference;
      const sink = await findEngineSink(flags, context);
      return sink.write(requireImages(node, source.name), reference === undefined ? [] : [reference], context);
    }
    case "tar":
      return layerTarSink(output.path).write(requireImages(node, source.name), [], context);
    case "rootfs":
      return directorySink(output.path).write(requireImages(node, source.name), [], context);
  }
}

async function push(
  { node, source: { reference: origin } }: Delivery,
  reference: ImageReference,
  context: Context,
): Promise<Pick<SinkResult, "references">> {
  const { pushImage } = await import("@base-kit/registry");
  // Within one registry a blob need not travel.
  const mount = origin?.registry === reference.registry ? { from: origin.repository } : {};
  return step(context, `pushing ${printable(reference.familiar)}`, async (handle) => {
    const pushed = await pushImage(node, [reference], { ...mount, handle, context });
    return { references: pushed.map((each) => each.reference) };
  });
}

/** For people: where it is, and what it is known by. */
export function renderCopy({ references, digest, platforms }: CopyResult): string {
  return [
    ...references.map((reference, index) => [index === 0 ? "image" : "", printable(reference)]),
    ["digest", digest],
    ["for", platforms.join(", ")],
  ]
    .map(([name, value]) => `${(name ?? "").padEnd(8)}${value}\n`)
    .join("");
}
