import { parentPort } from "node:worker_threads";
import { deflateBlock } from "./deflate-block.ts";
import type { DeflateJob } from "./portable.ts";

parentPort?.on("message", ({ block, dictionary, last }: DeflateJob) => {
  parentPort?.postMessage(deflateBlock(block, dictionary, last));
});
