import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { type Context, printable } from "@base-kit/core";
import { gnuTarArguments, requireGnuTar, type TarDirectoryOptions, tarOutcome } from "./gnu-tar.ts";
import { createHandoff } from "./handoff.ts";

export type ReadDirectoryOptions = TarDirectoryOptions;

/**
 * A directory on disk as a tar stream in our order, with owners, devices, hard links, xattrs and names of any bytes. GNU tar
 * reads it, because Node sees no xattrs. Other file systems mounted below it are left out, and named in a note. The stream
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
  const program = await requireGnuTar(context);
  await noteMounts(path, context);
  const stopped = new AbortController();
  const handoff = createHandoff<Uint8Array>();
  const reading = context
    .exec(program, gnuTarArguments(path, options), {
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

/** What is mounted below the directory; the list of the kernel, proc(5) "mountinfo". */
async function noteMounts(path: string, context: Context): Promise<void> {
  const table = await readFile("/proc/self/mountinfo", "utf8").catch(() => "");
  const prefix = path === "/" ? "/" : `${path}/`;
  const mounts = table
    .split("\n")
    .map((line) =>
      line.split(" ")[4]?.replace(/\\(\d{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8))),
    )
    .filter((point): point is string => point !== undefined && point !== path && point.startsWith(prefix));
  const tops = [...new Set(mounts)]
    .sort()
    .filter((point, _, all) => !all.some((other) => point.startsWith(`${other}/`)));
  if (tops.length === 0) return;
  const shown = tops.slice(0, 8).map(printable).join(", ");
  const more = tops.length > 8 ? ` and ${tops.length - 8} more` : "";
  context.reporter.emit({
    type: "noted",
    message: `left out, because other file systems are mounted there: ${shown}${more}`,
  });
}
