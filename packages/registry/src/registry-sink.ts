import { type ImageReference, printable, type Sink, step } from "@base-kit/core";
import { idOf, nodeOf } from "@base-kit/oci";
import { pushImage } from "./push-image.ts";
import type { RegistryOptions } from "./session.ts";

/** A sink that pushes images to a registry: one as its manifest, several as an index. */
export function registrySink(reference: ImageReference, options: RegistryOptions = {}): Sink {
  const name = `docker://${reference.familiar}`;
  return {
    name,
    write: (images, _references, context) =>
      step(context, `pushing ${printable(reference.familiar)}`, async (handle) => {
        const node = nodeOf(images);
        const pushed = await pushImage(node, [reference], { ...options, handle, context });
        const size = images
          .flatMap(({ layers, config }) => [...layers, config])
          .reduce((sum, blob) => sum + blob.size, 0);
        return { references: pushed.map((each) => each.reference), id: idOf(images), size };
      }),
  };
}
