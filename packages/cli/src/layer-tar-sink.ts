import { type Sink, step } from "@base-kit/core";
import { decompress, writeFileAtomically } from "@base-kit/store";

/** A sink that writes the root filesystem alone, as a plain tar. An image of base-kit's making has one layer. */
export function layerTarSink(file: string): Sink {
  return {
    name: `tar:${file}`,
    write: (image, _references, context) =>
      step(context, `writing ${file}`, async (handle) => {
        const [layer] = image.layers;
        if (layer === undefined) throw new Error("an image without a layer");
        let size = 0;
        const counted = async function* () {
          for await (const chunk of layer.compression === "none" ? layer.open() : decompress(layer.open())) {
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
