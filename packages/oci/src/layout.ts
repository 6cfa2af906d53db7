import { mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import {
  BaseKitError,
  type Blob,
  type Context,
  type Image,
  printable,
  type Sink,
  step,
  systemErrorCode,
} from "@base-kit/core";
import { writeFileAtomically } from "@base-kit/store";
import { readRange } from "./blob.ts";
import { descriptor } from "./build-image.ts";
import { blobPath, OCI_LAYOUT } from "./hybrid-archive.ts";
import { MEDIA_TYPE } from "./media-types.ts";
import { imageFrom } from "./open-archive.ts";
import { validateImage } from "./validate.ts";

/** A sink that adds the image to an OCI image layout directory under a tag, making the directory when it is not there. */
export function layoutSink(directory: string, tag: string | undefined): Sink {
  return {
    name: `oci:${directory}`,
    write: (image, references, context) =>
      writeLayout(directory, tag ?? references[0]?.tag ?? "latest", image, context),
  };
}

interface Index {
  readonly schemaVersion: 2;
  readonly manifests: readonly { readonly annotations?: Readonly<Record<string, string>> }[];
}

async function writeLayout(directory: string, tag: string, image: Image, context: Context) {
  return step(context, `writing ${directory}`, async () => {
    const before = await readIndex(directory);
    await mkdir(join(directory, "blobs/sha256"), { recursive: true });
    for (const blob of [...image.layers, image.config, image.manifest]) await writeBlob(directory, blob);
    await writeFileAtomically(join(directory, "oci-layout"), once(OCI_LAYOUT));
    const { os, architecture, variant } = image.platform;
    const added = {
      ...descriptor(image.manifest),
      annotations: { "org.opencontainers.image.ref.name": tag },
      platform: { architecture, os, ...(variant === undefined ? {} : { variant }) },
    };
    await validateImage(await imageFrom(directoryReader(directory, { ...before, manifests: [added] })));
    const others = before.manifests.filter(
      ({ annotations }) => annotations?.["org.opencontainers.image.ref.name"] !== tag,
    );
    // Last of all: until here the layout still holds exactly what it held before.
    await writeFileAtomically(
      join(directory, "index.json"),
      once(JSON.stringify({ ...before, manifests: [...others, added] })),
    );
    const size = [...image.layers, image.config, image.manifest].reduce((sum, blob) => sum + blob.size, 0);
    return { references: [`oci:${directory}:${tag}`], id: image.config.digest, size };
  });
}

async function readIndex(directory: string): Promise<Index> {
  let text: string;
  try {
    text = await readFile(join(directory, "index.json"), "utf8");
  } catch (error) {
    if (systemErrorCode(error) !== "ENOENT") throw error;
    return { schemaVersion: 2, ...{ mediaType: MEDIA_TYPE.index }, manifests: [] };
  }
  try {
    const index = JSON.parse(text) as Index;
    if (Array.isArray(index.manifests)) return index;
  } catch {
    // Told below, as for an index without manifests.
  }
  throw new BaseKitError("LAYOUT_INVALID", `${printable(directory)} has an index.json that is not an OCI image index`, {
    kind: "unsupported",
    hint: "Choose another directory; this one was left as it is.",
  });
}

async function writeBlob(directory: string, blob: Blob): Promise<void> {
  const path = join(directory, blobPath(blob));
  const there = await stat(path).catch(() => undefined);
  // A blob is named by its content; the check that follows reads it again, also when it was here before.
  if (there?.size === blob.size) return;
  await writeFileAtomically(path, blob.open());
}

function directoryReader(directory: string, index: Index) {
  return {
    name: directory,
    blob: (mediaType: string, digest: Blob["digest"], size: number): Blob => ({
      mediaType,
      digest,
      size,
      open: () => readRange(join(directory, blobPath({ digest })), 0, size),
    }),
    text: async (path: string) =>
      path === "index.json" ? JSON.stringify(index) : readFile(join(directory, path), "utf8"),
  };
}

async function* once(text: string): AsyncGenerator<Uint8Array, void, void> {
  yield Buffer.from(text);
}
