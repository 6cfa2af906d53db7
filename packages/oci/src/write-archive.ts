import { type Context, type Image, type ImageReference, printable, type Sink, step } from "@base-kit/core";
import { writeFileAtomically } from "@base-kit/store";
import { checkEnvelope } from "./envelope.ts";
import { hybridArchive, hybridArchiveSize } from "./hybrid-archive.ts";
import { idOf } from "./image-index.ts";
import { openArchive } from "./open-archive.ts";
import { validateImages } from "./validate.ts";

/** A sink that writes the hybrid archive to a file, with several platforms an archive of their layout. It is read again and checked before it takes the place of an older one. */
export function archiveSink(file: string): Sink {
  return {
    name: file,
    write: (images, references, context) => writeArchive(file, images, references, context),
  };
}

async function writeArchive(
  file: string,
  images: readonly Image[],
  references: readonly ImageReference[],
  context: Context,
) {
  return step(context, `writing ${printable(file)}`, async (handle) => {
    const total = hybridArchiveSize(images, references);
    let written = 0;
    const counted = async function* () {
      for await (const chunk of hybridArchive(images, references)) {
        context.signal.throwIfAborted();
        written += chunk.length;
        handle.progress(written, { total });
        yield chunk;
      }
    };
    await writeFileAtomically(file, counted(), {
      check: async (temporary) => {
        await checkEnvelope(temporary, images);
        await validateImages(await openArchive(temporary), context);
      },
    });
    return { references: [file], id: idOf(images), size: written };
  });
}
