import { resolve } from "node:path";
import type { Context } from "@base-kit/core";
import { gnuTarArguments, type TarDirectoryOptions, tarOutcome } from "./gnu-tar.ts";
import { createHandoff } from "./handoff.ts";
import { prepareReading } from "./prepare-reading.ts";

export type ReadDirectoryOptions = TarDirectoryOptions;

/**
 * A directory on disk as a tar stream in our order, with owners, devices, hard links, xattrs and names of any bytes. GNU tar
 * reads it, because Node sees no xattrs. What is mounted below it is left out, and named in a note. The stream
 * ends only when tar has said that it read everything.
 *
 * @throws BaseKitError `DIRECTORY_UNREADABLE`, `DIRECTORY_CHANGED`, `TAR_PROGRAM_MISSING` (environment)
 */
export async function* readDirectory(
  directory: string,
  context: Context,
  options: ReadDirectoryOptions = {},
): AsyncGenerator<Uint8Array, void, void> {
  const path = resolve(directory);
  const { program, options: all } = await prepareReading(path, context, options);
  const stopped = new AbortController();
  const handoff = createHandoff<Uint8Array>();
  const reading = context
    .exec(program, gnuTarArguments(path, all), {
      signal: AbortSignal.any([context.signal, stopped.signal]),
      expectedExitCodes: "any",
      stdout: async (chunks) => {
        for await (const chunk of chunks) await handoff.push(chunk);
      },
    })
    .then(({ exitCode, stderr }) => {
      tarOutcome({ exitCode, stderr, directory: path, tolerant: options.live === true }, context.reporter);
      handoff.end();
    })
    .catch((error: unknown) => handoff.end(error));
  try {
    yield* handoff.values();
  } finally {
    stopped.abort();
    await reading;
  }
}
