import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { BaseKitError, type Image, type Layer } from "@base-kit/core";

/**
 * The uncompressed tar of an image that has one layer: what `docker import` takes.
 *
 * @throws BaseKitError `IMPORT_NEEDS_ONE_LAYER`, `IMPORT_COMPRESSION_UNSUPPORTED` (unsupported)
 */
export function layerTar(image: Image): AsyncIterable<Uint8Array> {
  const [layer, ...more] = image.layers;
  if (layer === undefined || more.length > 0) {
    throw new BaseKitError(
      "IMPORT_NEEDS_ONE_LAYER",
      `docker import makes an image of one layer, and this one has ${image.layers.length}`,
      { kind: "unsupported", hint: "Use the import mode load. Nothing was sent." },
    );
  }
  switch (layer.compression) {
    case "none":
      return layer.open();
    case "gzip":
      return gunzip(layer);
    case "zstd":
      throw new BaseKitError(
        "IMPORT_COMPRESSION_UNSUPPORTED",
        "docker import does not take a layer compressed with zstd",
        {
          kind: "unsupported",
          hint: "Build the image with the compression none or gzip, or use the import mode load. Nothing was sent.",
        },
      );
  }
}

async function* gunzip(layer: Layer): AsyncGenerator<Uint8Array, void, void> {
  const gunzip = createGunzip({ chunkSize: 256 * 1024 });
  const feeding = pipeline(Readable.from(layer.open(), { objectMode: false }), gunzip);
  // Read through the iterator, which throws what the pipeline fails with.
  feeding.catch(() => {});
  yield* gunzip as AsyncIterable<Uint8Array>;
  await feeding;
}
