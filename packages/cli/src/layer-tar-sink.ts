import { printable, type Sink, step } from "@base-kit/core";
import { gzip, imageForHost } from "@base-kit/oci";
import { decompress, writeFileAtomically } from "@base-kit/store";
import { compressionByName } from "./options/tar-file.ts";

/**
 * A sink that writes the root filesystem alone, as a tar, compressed when its name ends in .gz. An image of base-kit's making
 * has one layer.
 *
 * @throws BaseKitError as `compressionByName`
 */
export function layerTarSink(file: string): Sink {
  const compression = compressionByName(file);
  return {
    name: `tar:${file}`,
    write: (images, _references, context) =>
      step(context, `writing ${printable(file)}`, async (handle) => {
        const [layer] = imageForHost(images, `tar:${file}`).layers;
        if (layer === undefined) throw new Error("an image without a layer");
        let size = 0;
        const tar = layer.compression === "none" ? layer.open() : decompress(layer.open());
        const counted = async function* () {
          for await (const chunk of compression === "gzip" ? gzip(tar) : tar) {
            context.signal.throwIfAborted();
            size += chunk.length;
            handle.progress(size);
            yield chunk;
          }
        };
        await writeFileAtomically(file, counted());
        return { references: [file], id: layer.diffId, size };
      }),
  };
}
