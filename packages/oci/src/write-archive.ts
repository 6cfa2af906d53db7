import { closeSync, openSync } from "node:fs";
import { type Context, type ImageReference, printable, type Sink, type SinkResult, step } from "@base-kit/core";
import { writeFileAtomically } from "@base-kit/store";
import { checkedEnvelope } from "./envelope.ts";
import { storedArchive, storedArchiveSize } from "./hybrid-archive.ts";
import { readPlace } from "./image-place.ts";
import { openArchivePlace } from "./open-archive.ts";
import { requireImages, type StoredNode } from "./read-images.ts";
import { nodeOf, storedId } from "./stored-images.ts";
import { validateImages } from "./validate.ts";
import { verifyStored } from "./verify-stored.ts";

/**
 * A sink that writes the hybrid archive to a file, with several platforms an archive of their layout. It is read again and
 * checked before it takes the place of an older one.
 */
export function archiveSink(file: string): Sink {
  return {
    name: file,
    write: (images, references, context) =>
      writeArchive(file, nodeOf(images), {
        references,
        context,
        check: async (stored) => validateImages(requireImages(stored, file), context),
      }),
  };
}

/** Writes an image that came from elsewhere, as it is; every digest is compared. */
export function copyToArchive(
  file: string,
  node: StoredNode,
  options: Pick<WriteArchiveOptions, "references" | "context">,
): Promise<SinkResult> {
  return writeArchive(file, node, { ...options, check: (stored) => verifyStored(stored, options.context) });
}

interface WriteArchiveOptions {
  readonly references: readonly ImageReference[];
  readonly context: Context;
  /** Looks at what was written, read again. */
  readonly check: (stored: StoredNode) => Promise<void>;
}

function writeArchive(
  file: string,
  node: StoredNode,
  { references, context, check }: WriteArchiveOptions,
): Promise<SinkResult> {
  return step(context, `writing ${printable(file)}`, async (handle) => {
    const total = storedArchiveSize(node, references);
    let written = 0;
    const counted = async function* () {
      for await (const chunk of storedArchive(node, references, { transient: true })) {
        context.signal.throwIfAborted();
        written += chunk.length;
        handle.progress(written, { total });
        yield chunk;
      }
    };
    await writeFileAtomically(file, checkedEnvelope(counted(), node, file), {
      check: async (temporary) => {
        // Not left open: the file that takes its place the next time would not be gone before.
        const descriptor = openSync(temporary, "r");
        try {
          const place = await openArchivePlace(temporary, { descriptor });
          await check(await readPlace(place, undefined, { verifyLayers: false }));
        } finally {
          closeSync(descriptor);
        }
      },
    });
    return { references: [file], id: storedId(node), size: written };
  });
}
