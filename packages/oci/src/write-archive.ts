import { type Context, type Image, type ImageReference, printable, type Sink, step } from "@base-kit/core";
import { writeFileAtomically } from "@base-kit/store";
import { checkEnvelope } from "./envelope.ts";
import { hybridArchive, hybridArchiveSize } from "./hybrid-archive.ts";
import { openArchive } from "./open-archive.ts";
import { validateImage } from "./validate.ts";

/** A sink that writes the hybrid archive to a file. It is read again and checked before it takes the place of an older one. */
export function archiveSink(file: string): Sink {
  return {
    name: file,
    write: (image, references, context) => writeArchive(file, image, references, context),
  };
}

async function writeArchive(file: string, image: Image, references: readonly ImageReference[], context: Context) {
  return step(context, `writing ${printable(file)}`, async (handle) => {
    const total = hybridArchiveSize(image, references);
    let written = 0;
    const counted = async function* () {
      for await (const chunk of hybridArchive(image, references)) {
        context.signal.throwIfAborted();
        written += chunk.length;
        handle.progress(written, { total });
        yield chunk;
      }
    };
    await writeFileAtomically(file, counted(), {
      check: async (temporary) => {
        await checkEnvelope(temporary, image);
        await validateImage(await openArchive(temporary), context);
      },
    });
    return { references: [file], id: image.config.digest, size: written };
  });
}
