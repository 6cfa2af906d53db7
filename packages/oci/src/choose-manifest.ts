import { BaseKitError, type Blob, printable } from "@base-kit/core";
import { jsonBlob } from "./blob.ts";
import type { Descriptor } from "./documents.ts";
import { MEDIA_TYPE } from "./media-types.ts";

const TAG = "org.opencontainers.image.ref.name";
const NAME = "io.containerd.image.name";

/** What was chosen of a place that holds several images. */
export interface Chosen {
  readonly descriptor: Descriptor;
  /** An index that is nowhere written, around manifests of one image for several platforms. */
  readonly made?: Blob;
}

/**
 * The manifest or index of the given tag, full name or digest in an `index.json`. Without one there must be no choice: one image,
 * perhaps for several platforms, perhaps under several names.
 *
 * @throws BaseKitError `IMAGE_NOT_FOUND` (unsupported) or `IMAGE_AMBIGUOUS` (usage)
 */
export function chooseManifest(all: readonly Descriptor[], wanted: string | undefined, name: string): Chosen {
  const matching = wanted === undefined ? all : all.filter((each) => isCalled(each, wanted));
  const distinct = [...new Map(matching.map((each) => [each.digest, each])).values()];
  const [first, ...others] = distinct;
  const names = namesOf(all).map(printable).join(", ");
  if (first === undefined) {
    const what = wanted === undefined ? "an image" : `an image called ${printable(wanted)}`;
    throw new BaseKitError("IMAGE_NOT_FOUND", `${printable(name)} does not hold ${what}`, {
      kind: "unsupported",
      hint: names === "" ? "It holds nothing that has a name." : `It holds ${names}.`,
    });
  }
  if (others.length === 0) return { descriptor: first };
  if (isOneImage(distinct)) {
    const manifests = distinct.map(({ annotations: _, ...each }) => each);
    const made = jsonBlob(MEDIA_TYPE.index, { schemaVersion: 2, mediaType: MEDIA_TYPE.index, manifests });
    return { descriptor: { mediaType: made.mediaType, digest: made.digest, size: made.size }, made };
  }
  throw new BaseKitError("IMAGE_AMBIGUOUS", `${printable(name)} holds more than one image`, {
    kind: "usage",
    hint: names === "" ? "Name one by its digest: …@sha256:…" : `Choose one of ${names}.`,
  });
}

function isCalled({ annotations = {}, digest }: Descriptor, wanted: string): boolean {
  return annotations[TAG] === wanted || annotations[NAME] === wanted || digest === wanted;
}

function namesOf(all: readonly Descriptor[]): readonly string[] {
  return [...new Set(all.flatMap(({ annotations }) => annotations?.[TAG] ?? annotations?.[NAME] ?? []))].sort();
}

/** The same names, and each for another platform. */
function isOneImage(all: readonly Descriptor[]): boolean {
  const platforms = all.map(({ platform }) => platform && JSON.stringify(platform));
  const names = all.map(({ annotations }) => annotations?.[TAG]);
  return !platforms.includes(undefined) && new Set(platforms).size === all.length && new Set(names).size === 1;
}
