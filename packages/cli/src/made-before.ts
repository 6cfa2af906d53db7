import { createHash } from "node:crypto";
import {
  type Context,
  canonicalJson,
  type Event,
  type Image,
  type Lock,
  type Producer,
  printable,
  step,
  type Warned,
} from "@base-kit/core";
import { type LayerOptions, recallImage, rememberImage } from "@base-kit/oci";
import type { ImageSettings } from "./image-settings.ts";
import { programIdentity } from "./version.ts";

/** All that an image follows from. */
export interface Ingredients {
  readonly lock: Lock;
  readonly producer: Producer;
  readonly settings: ImageSettings;
  readonly layers: LayerOptions;
}

/** Raised when the same ingredients come to be another image. */
const FORMAT = 1;

/**
 * Under what an image is kept, for builds that need nothing of it but the image; undefined where its producer cannot say what
 * it depends on.
 */
export async function imageKey({ lock, producer, settings, layers }: Ingredients): Promise<string | undefined> {
  const circumstances = await producer.circumstances?.(lock);
  if (circumstances === undefined) return undefined;
  const program = [...programIdentity(), process.version, process.versions.zlib, process.arch];
  // What JSON does not keep (undefined) makes no difference.
  const all = canonicalJson(JSON.parse(JSON.stringify({ lock, circumstances, settings, layers, program })));
  return `image:${FORMAT}:sha256:${createHash("sha256").update(all).digest("hex")}`;
}

/** The image of a build before, when all of it is still in the store; what that build warned of is told again. */
export async function recallBuild(key: string, lock: Lock, context: Context): Promise<Image | undefined> {
  const { store, reporter } = context;
  const kept = await store.recall(`${key} warnings`);
  if (kept === undefined) return undefined;
  const what = `looking for the image of ${printable(lock.producer)}:${printable(lock.release)} in the cache`;
  const image = await step(context, what, async (handle) => {
    const found = await recallImage(key, { store });
    handle.detail(found === undefined ? "not whole any more" : "found");
    return found;
  });
  if (image === undefined) return undefined;
  for (const each of JSON.parse(kept.toString()) as readonly Warned[]) reporter.emit(each);
  return image;
}

/** A context that knows afterwards what was warned of in it. */
export function listening(context: Context): Context & { readonly warnings: readonly Warned[] } {
  const warnings: Warned[] = [];
  const emit = (event: Event) => {
    if (event.type === "warned") warnings.push(event);
    context.reporter.emit(event);
  };
  return { ...context, reporter: { emit }, warnings };
}

/** Keeps an image that was checked. A cache that cannot be written to was told of before, and costs nothing but time. */
export async function rememberBuild(
  key: string,
  { image, warnings }: { readonly image: Image; readonly warnings: readonly Warned[] },
  context: Context,
): Promise<void> {
  try {
    // Without the image nobody is to look for it.
    if (!(await rememberImage(key, image, context))) return;
    await context.store.remember(`${key} warnings`, Buffer.from(JSON.stringify(warnings)));
  } catch {
    // The next build makes it again.
  }
}
