import { randomBytes } from "node:crypto";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { type ByteString, bytesFromText, type Entry } from "@base-kit/core";
import { indexTar, writeTar } from "@base-kit/tar";
import { CONTAINER_SCRIPT, ENGINE_SCRIPT, TREE } from "./container-script.ts";
import { requireEngine } from "./engine.ts";
import type { BackendOptions, BackendRun, SandboxCommand, SandboxResult } from "./run-in-sandbox.ts";

/** For engine and kernel to remove a container and an image. */
const GRACE_MS = 30_000;
const MADE_FOR_MOUNTS = ["dev", "proc"] as const;

/** Runs the command in a container of an image that holds nothing but the tree; both are gone when that has resolved or thrown. */
export async function prepareContainer(
  { entries, script, env }: SandboxCommand,
  { work, context, graceMs = GRACE_MS, ...options }: BackendOptions,
): Promise<BackendRun> {
  const engine = await requireEngine(context);
  const made = MADE_FOR_MOUNTS.filter((name) => !entries.some(({ path }) => path === name)).map(bytesFromText);
  const file = createWriteStream(join(work, "tree.tar"));
  await pipeline(writeTar(imageEntries(entries, { script, made })), file, { signal: context.signal });
  // Whoever finds it sees whose it is.
  const name = `base-kit-${process.pid}-${randomBytes(8).toString("hex")}`;
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const start = async (): Promise<number> => {
    let end = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const { exitCode } = await context
      .exec("sh", ["-c", ENGINE_SCRIPT, "sandbox", engine, work, name, CONTAINER_SCRIPT, ...variables], {
        ...options,
        stdin: openUntil(ended),
        expectedExitCodes: "any",
        graceMs,
      })
      .finally(end);
    return exitCode;
  };
  return {
    start,
    result: async () => resultOf(indexTar(join(work, "left.tar"), { name: "what the container left" }), made),
  };
}

async function* openUntil(end: Promise<void>): AsyncGenerator<Uint8Array> {
  await end;
  yield* [];
}

/**
 * The tree in its folder, and beside it the script, and links by which the tree's programs run before they are in it. Second names of
 * files are given in the container: a layer's file that is written to would lose them.
 */
function imageEntries(
  entries: readonly Entry[],
  { script, made }: { readonly script: string; readonly made: readonly ByteString[] },
): readonly Entry[] {
  const plain = { mode: 0o755, uid: 0, gid: 0, mtime: 0 };
  const folder = (path: ByteString): Entry => ({ type: "directory", path: below(path), ...plain });
  const file = (name: string, content: Buffer): Entry => {
    return { type: "file", path: bytesFromText(name), size: content.length, content: () => [content], ...plain };
  };
  const links = entries.filter(({ path }) => /^(?:bin|sbin|usr|lib[^/]*)$/.test(path));
  const names = entries.filter((entry) => entry.type === "hardlink");
  const naming = names.map(({ path, target }) => `tool ln ${quoted(below(target))} ${quoted(below(path))}\n`);
  return [
    file("script", Buffer.from(script)),
    file("names", Buffer.from(naming.join(""), "latin1")),
    ...links.map(({ path }): Entry => ({ type: "symlink", path, target: below(path), ...plain })),
    ...(entries.some(({ path }) => path === "") ? [] : [folder("" as ByteString)]),
    ...entries.filter(({ type }) => type !== "hardlink").map((entry) => ({ ...entry, path: below(entry.path) })),
    ...made.map(folder),
  ];
}

function quoted(path: ByteString): string {
  return `'/${path.replaceAll("'", "'\\''")}'`;
}

/** Without what the engine added; owners are as they are. */
function resultOf(left: readonly Entry[], made: readonly ByteString[]): SandboxResult {
  const prefix = `${TREE}/`;
  const within = (path: ByteString) => path.slice(prefix.length) as ByteString;
  const inside = left
    .filter(({ path }) => path === TREE || path.startsWith(prefix))
    .map((entry): Entry => {
      const path = within(entry.path);
      return entry.type === "hardlink" ? { ...entry, path, target: within(entry.target) } : { ...entry, path };
    })
    .filter(({ path }) => !made.includes(path));
  return { left: inside, inodes: new Map(inside.map(({ path }) => [path, ""])) };
}

function below(path: ByteString): ByteString {
  return (path === "" ? TREE : `${TREE}/${path}`) as ByteString;
}
