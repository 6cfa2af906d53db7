import {
  type ByteString,
  type Context,
  type Entry,
  type Image,
  type InstalledPackage,
  type Segment,
  step,
} from "@base-kit/core";
import { type FlattenedImage, flattenLayers } from "@base-kit/oci";
import { describeRootfs } from "@base-kit/rootfs";
import { type ConfigFields, readConfig } from "./config-fields.ts";

/** An image taken apart: its tree as a container sees it, and what the files in it say. */
export interface Examined {
  readonly image: Image;
  readonly config: ConfigFields;
  readonly tree: FlattenedImage;
  readonly byPath: ReadonlyMap<ByteString, Entry>;
  readonly segments: readonly Segment[];
  readonly osRelease: Readonly<Record<string, string>>;
  readonly packages: readonly InstalledPackage[];
}

/** Reads all layers of an image. */
export function examine(image: Image, title: string, context: Context): Promise<Examined> {
  return step(context, title, async (handle) => {
    const tree = await flattenLayers(image, context);
    handle.detail(`${tree.entries.length} entries`);
    const segments: readonly Segment[] = [{ key: image.manifest.digest, origin: "base", entries: () => tree.entries }];
    const { osRelease, packages } = await describeRootfs(segments, image.platform);
    const byPath = new Map(tree.entries.map((entry) => [entry.path, entry]));
    return { image, config: await readConfig(image), tree, byPath, segments, osRelease, packages };
  });
}
