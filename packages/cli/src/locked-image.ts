import type { Context, Lock, Producer, Rootfs } from "@base-kit/core";
import type { BuildImageOptions } from "@base-kit/oci";
import { applyTransforms, clampTimes, emptyPseudoFilesystems, excludePaths } from "@base-kit/rootfs";
import { baseAnnotations } from "./image-producer.ts";
import type { ImageSettings } from "./image-settings.ts";

export interface LockedImage {
  readonly rootfs: Rootfs;
  /** What `buildImage` is told, besides the compression. */
  readonly options: Required<Pick<BuildImageOptions, "runtime" | "created" | "annotations" | "createdBy">>;
}

/** What a lock and the settings of an image come to: the same each time, whoever asks. */
export async function lockedImage(
  lock: Lock,
  { producer, settings }: { readonly producer: Producer; readonly settings: ImageSettings },
  context: Context,
): Promise<LockedImage> {
  const produced = await producer.produce(lock, context);
  const rootfs = applyTransforms(produced, [
    emptyPseudoFilesystems(),
    excludePaths(settings.paths),
    clampTimes(lock.sourceDateEpoch),
  ]);
  return {
    rootfs,
    options: {
      runtime: settings.runtime,
      created: lock.sourceDateEpoch,
      annotations: { ...baseAnnotations(lock), ...settings.annotations },
      createdBy: `base-kit build ${lock.producer}:${lock.release}`,
    },
  };
}
