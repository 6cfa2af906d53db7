// Builds of Alpine within one process, so that the start of node and the loading of modules are apart: the last of ROUNDS is told.
// Arguments: MIRROR CACHE ARCHIVE ROUNDS [KEYRING PACKAGES]. Prints milliseconds of the whole and of its steps.
import { writeSync } from "node:fs";
import { parsePlatform, parseReference } from "@base-kit/core";
import { createContext } from "@base-kit/host";
import { archiveSink, buildImage } from "@base-kit/oci";
import { alpine } from "@base-kit/producer-alpine";
import { createStore } from "@base-kit/store";

const [mirror, cacheDir, archive, rounds, keyring, packages] = process.argv.slice(2);
const more = packages === undefined ? {} : { include: packages.split(","), keyring };
const request = { release: "3.20", platform: parsePlatform("amd64"), sourceDateEpoch: undefined };
let told;
for (let round = 0; round < Number(rounds); round++) told = await build();
writeSync(1, JSON.stringify(told));

async function build() {
  const started = performance.now();
  const context = await createContext({ createStore, cacheDir });
  const lock = await alpine.resolve({ ...request, options: { mirror, ...more } }, context);
  const resolved = performance.now();
  const rootfs = await alpine.produce(lock, context);
  const produced = performance.now();
  const image = await buildImage(rootfs, { created: lock.sourceDateEpoch }, context);
  await archiveSink(archive).write([image], [parseReference("bench/alpine:1")], context);
  const ended = performance.now();
  await context[Symbol.asyncDispose]();
  return { total: ended - started, resolve: resolved - started, produce: produced - resolved, image: ended - produced };
}
