import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { BaseKitError, type Digest, printable, type Sink, step } from "@base-kit/core";
import { compressed, findCompressor, imageForHost, plainTar } from "@base-kit/oci";
import { decompress, writeFileAtomically } from "@base-kit/store";
import { compressionByName } from "./options/tar-file.ts";

/**
 * A sink that writes the root filesystem alone, as a tar, compressed when its name ends in .gz or .zst. What was written is
 * unpacked again and compared before it takes the place of an older file.
 *
 * @throws BaseKitError as `compressionByName`
 */
export function layerTarSink(file: string): Sink {
  const compression = compressionByName(file);
  return {
    name: `tar:${file}`,
    write: (images, _references, context) =>
      step(context, `writing ${printable(file)}`, async (handle) => {
        const compressor = compression === "none" ? undefined : await findCompressor({ compression }, context);
        const tar = await plainTar(imageForHost(images, `tar:${file}`), context);
        let size = 0;
        const counted = async function* () {
          for await (const chunk of compressor === undefined ? tar.open() : compressed(tar.open(), compressor)) {
            context.signal.throwIfAborted();
            size += chunk.length;
            handle.progress(size);
            yield chunk;
          }
        };
        await writeFileAtomically(file, counted(), {
          check: (temporary) => requireDigest(temporary, tar.digest, file),
        });
        return { references: [file], id: tar.digest, size };
      }),
  };
}

/** @throws BaseKitError `OUTPUT_DAMAGED` (verification) */
async function requireDigest(temporary: string, digest: Digest, file: string): Promise<void> {
  const hash = createHash("sha256");
  for await (const chunk of decompress(createReadStream(temporary, { highWaterMark: 1024 ** 2 }))) hash.update(chunk);
  const found = `sha256:${hash.digest("hex")}`;
  if (found === digest) return;
  throw new BaseKitError(
    "OUTPUT_DAMAGED",
    `${printable(file)} is not what was written: expected ${digest}, found ${found} when it was read again`,
    {
      kind: "verification",
      hint: "It was not put in place; what was there before is untouched. The disk or a bug is at fault.",
    },
  );
}
