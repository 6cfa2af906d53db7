import type { Context, Lock, Producer } from "@base-kit/core";
import { applyTransforms, clampTimes, emptyPseudoFilesystems, excludePaths } from "@base-kit/rootfs";
import type { ImageSource } from "./deliver.ts";
import { baseAnnotations } from "./image-producer.ts";
import type { ImageSettings } from "./image-settings.ts";

/** What a lock and the settings of an image come to: the same each time, whoever asks. */
export async function lockedImage(
  lock: Lock,
  { producer, settings }: { readonly producer: Producer; readonly settings: ImageSettings },
  context: Context,
): Promise<ImageSource> {
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
