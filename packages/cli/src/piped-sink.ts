import { type Context, type Image, type ImageReference, type Sink, step } from "@base-kit/core";
import { hybridArchive, idOf, imageForHost, plainTar } from "@base-kit/oci";
import { STANDARD_OUTPUT, writeToStdout } from "./standard-output.ts";

/** What of an image goes through a pipe. */
export type Piped = "oci-archive" | "docker-archive" | "tar";

/**
 * A sink that writes to standard output. What has gone cannot be taken back, so that the end of it is not written before the image
 * was checked: whoever reads then has no whole archive.
 */
export function pipedSink(transport: Piped): Sink {
  return {
    name: `${transport}:${STANDARD_OUTPUT}`,
    write: (images, references, context) =>
      step(context, "writing to standard output", async (handle) => {
        const { id, chunks } = await contentOf(transport, { images, references, context });
        let size = 0;
        await writeToStdout(chunks, {
          onChunk: (chunk) => {
            context.signal.throwIfAborted();
            size += chunk.length;
            handle.progress(size);
          },
          signal: context.signal,
        });
        return { references: [STANDARD_OUTPUT], id, size };
      }),
  };
}

interface Content {
  readonly images: readonly Image[];
  readonly references: readonly ImageReference[];
  readonly context: Context;
}

async function contentOf(transport: Piped, { images, references, context }: Content) {
  if (transport === "oci-archive") return { id: idOf(images), chunks: hybridArchive(images, references) };
  const image = imageForHost(images, `${transport}:${STANDARD_OUTPUT}`);
  if (transport === "docker-archive") return { id: idOf([image]), chunks: hybridArchive([image], references) };
  const tar = await plainTar(image, context);
  return { id: tar.digest, chunks: tar.open() };
}
