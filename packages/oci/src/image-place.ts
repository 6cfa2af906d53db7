import { asList, type Blob, type JsonPart, parseJson, printable, required } from "@base-kit/core";
import { chooseManifest } from "./choose-manifest.ts";
import { type Descriptor, descriptor } from "./documents.ts";
import { type BlobSource, type ReadImagesOptions, readNode, type StoredNode } from "./read-images.ts";

/** A layout directory or an archive, which may hold many images. */
export interface ImagePlace {
  /** For messages: `oci:images`. */
  readonly name: string;
  readonly manifests: readonly Descriptor[];
  readonly source: BlobSource;
}

/** The manifests of an `index.json`. */
export function placeManifests(index: Uint8Array, name: string): readonly Descriptor[] {
  const document: JsonPart = parseJson(index, `index.json of ${printable(name)}`);
  return asList(required(document, "manifests"), 10_000).map(descriptor);
}

/**
 * The image of this tag, full name or digest, which may be left out when there is only one.
 *
 * @throws BaseKitError as `chooseManifest` and `readNode`
 */
export async function readPlace(
  { name, manifests, source }: ImagePlace,
  wanted: string | undefined,
  options: ReadImagesOptions = {},
): Promise<StoredNode> {
  const { descriptor: chosen, made } = chooseManifest(manifests, wanted, name);
  return readNode(made === undefined ? source : withBlob(source, made), chosen, options);
}

function withBlob(source: BlobSource, extra: Blob): BlobSource {
  return { ...source, blob: (each) => (each.digest === extra.digest ? extra : source.blob(each)) };
}
