import { mkdir, rmdir, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import {
  type Blob,
  type Context,
  printable,
  type Sink,
  type SinkResult,
  step,
  systemErrorCode,
  systemErrorReason,
} from "@base-kit/core";
import { writeFileAtomically } from "@base-kit/store";
import { blobPath, OCI_LAYOUT } from "./hybrid-archive.ts";
import { addToIndex, cannotMake, tagged } from "./layout-index.ts";
import { LAYOUT_FOLDERS, requireLayoutPlace } from "./layout-place.ts";
import { layoutSource } from "./open-layout.ts";
import { readNode, requireImages, type StoredNode } from "./read-images.ts";
import { nodeOf, rootDescriptor, storedBlobs, storedId } from "./stored-images.ts";
import { validateImages } from "./validate.ts";
import { verifyStored } from "./verify-stored.ts";

/** A sink that adds images to an OCI image layout directory under a tag, making the directory when it is not there. */
export function layoutSink(directory: string, tag: string | undefined): Sink {
  return {
    name: `oci:${directory}`,
    write: (images, references, context) =>
      writeLayout(directory, nodeOf(images), {
        tag: tag ?? references[0]?.tag ?? "latest",
        context,
        check: async (stored) => validateImages(requireImages(stored, directory), context),
      }),
  };
}

/** Adds an image that came from elsewhere, as it is; every digest is compared. */
export function copyToLayout(
  directory: string,
  node: StoredNode,
  options: Pick<WriteLayoutOptions, "tag" | "context">,
): Promise<SinkResult> {
  return writeLayout(directory, node, { ...options, check: (stored) => verifyStored(stored, options.context) });
}

interface WriteLayoutOptions {
  readonly tag: string;
  readonly context: Context;
  /** Looks at what was written, read again. */
  readonly check: (stored: StoredNode) => Promise<void>;
}

function writeLayout(
  directory: string,
  node: StoredNode,
  { tag, context, check }: WriteLayoutOptions,
): Promise<SinkResult> {
  return step(context, `writing ${printable(directory)}`, async (handle) => {
    // Something else than a layout is refused before anything is written.
    await requireLayoutPlace(directory);
    const isNew = await makeLayoutFolders(directory);
    const blobs = storedBlobs(node);
    try {
      let written = 0;
      const size = blobs.reduce((sum, blob) => sum + blob.size, 0);
      const counted = async function* (chunks: AsyncIterable<Uint8Array>) {
        for await (const chunk of chunks) {
          context.signal.throwIfAborted();
          written += chunk.length;
          handle.progress(written, { total: size });
          yield chunk;
        }
      };
      for (const blob of blobs) await writeBlob(directory, blob, counted);
      await writeFileAtomically(join(directory, "oci-layout"), once(OCI_LAYOUT), { replaceLinks: true });
      const root = tagged(rootDescriptor(node), tag);
      await check(await readNode(layoutSource(directory), root, { verifyLayers: false }));
      context.signal.throwIfAborted();
      // Last of all: until here the layout still holds exactly what it held before.
      await addToIndex(directory, root, context);
      return { references: [`oci:${directory}:${tag}`], id: storedId(node), size };
    } catch (error) {
      if (isNew) await removeNewLayout(directory, blobs);
      throw error;
    }
  });
}

async function writeBlob(
  directory: string,
  blob: Blob,
  counted: (chunks: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>,
): Promise<void> {
  const path = join(directory, blobPath(blob));
  const there = await stat(path).catch(() => undefined);
  // A blob is named by its content; the check that follows reads it again, also when it was here before.
  if (there?.size === blob.size) return;
  await writeFileAtomically(path, counted(blob.open()), { replaceLinks: true });
}

/** Whether the layout was not there before. */
async function makeLayoutFolders(directory: string): Promise<boolean> {
  let isNew = false;
  for (const folder of LAYOUT_FOLDERS) {
    const made = await mkdir(join(directory, folder)).then(
      () => true,
      (error: unknown) => {
        if (systemErrorCode(error) === "EEXIST") return false;
        throw cannotMake(directory, systemErrorReason(error), error);
      },
    );
    if (folder === "") isNew = made;
  }
  return isNew;
}

/**
 * Takes back what was made, as far as nobody else has put anything there. In a layout that was there before, blobs stay: nothing
 * names them, but another process may just be adding an image that has them too.
 */
async function removeNewLayout(directory: string, blobs: readonly Blob[]): Promise<void> {
  for (const file of [...blobs.map(blobPath), "oci-layout"]) await unlink(join(directory, file)).catch(() => {});
  for (const folder of LAYOUT_FOLDERS.toReversed()) await rmdir(join(directory, folder)).catch(() => {});
}

async function* once(text: string): AsyncGenerator<Uint8Array, void, void> {
  yield Buffer.from(text);
}
