import type { Context, Lock, Producer, Rootfs } from "@base-kit/core";
import { type Ahead, compressAhead, type LayerOptions } from "@base-kit/oci";
import { applyTransforms, clampTimes, emptyPseudoFilesystems, excludePaths } from "@base-kit/rootfs";
import type { ImageSource } from "./deliver.ts";
import { baseAnnotations } from "./image-producer.ts";
import type { ImageSettings } from "./image-settings.ts";
import { SCRATCH } from "./producers.ts";

export interface LockedImageOptions {
  readonly producer: Producer;
  readonly settings: ImageSettings;
  /** How its layers will be compressed: parts of them are made while the producer still works. */
  readonly ahead?: LayerOptions;
  /** Where it is kept what packages' scripts that fail leave. */
  readonly keepFailed?: string | undefined;
}

/** What a lock and the settings of an image come to: the same each time, whoever asks. */
export async function lockedImage(
  lock: Lock,
  { producer, settings, ahead, keepFailed }: LockedImageOptions,
  context: Context,
): Promise<ImageSource> {
  const transforms = [emptyPseudoFilesystems(), excludePaths(settings.paths), clampTimes(lock.sourceDateEpoch)];
  const foreseen: Ahead[] = [];
  const onForeseen = (rootfs: Rootfs) => {
    if (ahead !== undefined) foreseen.push(compressAhead(applyTransforms(rootfs, transforms), ahead, context));
  };
  const produced = await producer.produce(lock, context, { onForeseen, keepFailed }).finally(async () => {
    await Promise.all(foreseen.map((each) => each.stop()));
  });
  return {
    rootfs: applyTransforms(produced, transforms),
    options: {
      runtime: settings.runtime,
      created: lock.sourceDateEpoch,
      annotations: { ...baseAnnotations(lock), ...settings.annotations },
      createdBy: lock.producer === SCRATCH ? "base-kit scratch" : `base-kit build ${lock.producer}:${lock.release}`,
    },
  };
}
