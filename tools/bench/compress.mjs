// TAR compressed into OUTPUT as a layer is, and nothing else.
import { createReadStream, createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { compressed, findCompressor } from "@base-kit/oci";

const [tar, output] = process.argv.slice(2);
const compressor = await findCompressor({ compression: "gzip" }, {});
await pipeline(compressed(createReadStream(tar, { highWaterMark: 1024 ** 2 }), compressor), createWriteStream(output));
