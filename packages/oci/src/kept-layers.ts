import { BaseKitError, type Layer, type Rootfs } from "@base-kit/core";
import { isSameTree, mergedEntries } from "@base-kit/rootfs";
import type { TitledLayer } from "./layer.ts";
import { LAYER_MEDIA_TYPE } from "./media-types.ts";

/**
 * The layers of the image that a root filesystem came from, as they are, when nothing was changed in it.
 *
 * @throws BaseKitError `LAYERS_CHANGED` (usage)
 */
export function keptLayers(rootfs: Rootfs): readonly TitledLayer[] {
  const layers = unchanged(rootfs);
  if (layers !== undefined) return layers.map((layer) => ({ title: "", layer: kept(layer) }));
  throw new BaseKitError(
    "LAYERS_CHANGED",
    "the layers cannot be kept: what is in them is changed, or they are not an image's",
    {
      kind: "usage",
      hint: "Leave --keep-layers away. Paths that are left out, files in /dev, /proc or /sys, and times after the image's own are changes.",
    },
  );
}

/**
 * A root filesystem that is one layer already, and unchanged: its digest is one that others know.
 *
 * @param compression as it shall be; undefined when it may be any
 */
export function publishedLayer(
  rootfs: Rootfs,
  compression: Layer["compression"] | undefined,
): readonly TitledLayer[] | undefined {
  const [only, ...others] = unchanged(rootfs) ?? [];
  if (only === undefined || others.length > 0) return undefined;
  return compression === undefined || only.compression === compression ? [{ title: "", layer: kept(only) }] : undefined;
}

function unchanged(rootfs: Rootfs): readonly Layer[] | undefined {
  const [only, ...others] = rootfs.segments;
  if (only?.layers === undefined || others.length > 0) return undefined;
  return isSameTree(only.entries(), mergedEntries(rootfs)) ? only.layers : undefined;
}

/** Docker's media types mean the same as those of OCI, and an image has one kind. */
function kept(layer: Layer): Layer {
  return { ...layer, mediaType: LAYER_MEDIA_TYPE[layer.compression], kept: true };
}
