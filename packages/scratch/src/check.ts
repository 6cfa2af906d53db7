import { randomBytes } from "node:crypto";
import { mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  BaseKitError,
  bufferFromBytes,
  bytesFromText,
  type Context,
  type Entry,
  isBaseKitError,
  printable,
  type RuntimeConfig,
  step,
} from "@base-kit/core";
import { directoryRoot, resolvePath, type SearchRoot } from "@base-kit/elf";
import { entriesRoot } from "./entries-root.ts";

/** What was seen when the program was started once. */
export interface CheckResult {
  /** Absent when it was still running when the time was over, which is what a server does. */
  readonly exitCode?: number;
  /** Files it looked for and did not find, though the machine has them: what may be missing in the image. */
  readonly missing: readonly string[];
  /** What it wrote to standard error, its end. */
  readonly stderr: string;
}

/**
 * Starts an image's program once in a directory with its files, in namespaces of its own and without a network, and watches
 * through strace what it looks for. This runs the program: only for programs that are trusted.
 *
 * @throws BaseKitError `SCRATCH_CHECK` (environment) where strace or namespaces are not to be had
 */
export async function checkByRunning(
  {
    entries,
    runtime,
    root = directoryRoot(),
    seconds,
  }: {
    readonly entries: readonly Entry[];
    readonly runtime: RuntimeConfig;
    readonly root?: SearchRoot;
    readonly seconds: number;
  },
  context: Context,
): Promise<CheckResult> {
  const id = randomBytes(6).toString("hex");
  const dir = join(context.tempDir, `check-${id}`);
  const log = join(context.tempDir, `check-${id}.log`);
  return await step(context, "starting it once", async ({ detail }) => {
    try {
      await writeTree(dir, entries);
      const { exitCode, stderr } = await run(dir, { log, runtime, seconds, context });
      const missing = lookedForInVain(await readFile(log, "latin1").catch(() => ""), { root, stderr });
      detail(missing.length === 0 ? "nothing is missing" : `${missing.length} files looked for in vain`);
      return { ...(exitCode === undefined ? {} : { exitCode }), missing, stderr: stderr.slice(-2000) };
    } finally {
      await Promise.all([dir, log].map((path) => rm(path, { recursive: true, force: true })));
    }
  });
}

async function writeTree(dir: string, entries: readonly Entry[]): Promise<void> {
  await mkdir(dir);
  for (const folder of ["dev", "proc"]) await mkdir(join(dir, folder));
  for (const entry of entries) {
    const path = Buffer.concat([Buffer.from(`${dir}/`), bufferFromBytes(entry.path)]);
    if (entry.type === "directory") await mkdir(path, { recursive: true, mode: entry.mode });
    else if (entry.type === "symlink") await symlink(bufferFromBytes(entry.target), path);
    else if (entry.type === "file") {
      const chunks: Uint8Array[] = [];
      for await (const chunk of entry.content()) chunks.push(chunk);
      await writeFile(path, Buffer.concat(chunks), { mode: entry.mode, flag: "wx" });
    }
  }
}

interface Running {
  readonly log: string;
  readonly runtime: RuntimeConfig;
  readonly seconds: number;
  readonly context: Context;
}

async function run(
  dir: string,
  { log, runtime, seconds, context }: Running,
): Promise<{ readonly exitCode?: number; readonly stderr: string }> {
  const { entrypoint = [], cmd = [], workdir = "/", env = {} } = runtime;
  const settings = Object.entries({ PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", ...env });
  // A user namespace needs no root; no network, as an answer from outside would make the result one of the day.
  const isolated = [
    "--user",
    "--map-root-user",
    "--mount",
    "--pid",
    "--net",
    "--ipc",
    "--uts",
    "--fork",
    "--kill-child",
    `--root=${dir}`,
    `--wd=${workdir}`,
  ];
  const stop = AbortSignal.timeout(seconds * 1000);
  try {
    const { exitCode, stderr } = await context.exec(
      "strace",
      [
        "-f",
        "-qq",
        "-s",
        "4096",
        "-o",
        log,
        "-e",
        "trace=%file",
        "-e",
        "signal=none",
        "env",
        "-i",
        ...settings.map(([name, value]) => `${name}=${value}`),
        "unshare",
        ...isolated,
        ...entrypoint,
        ...cmd,
      ],
      { expectedExitCodes: "any", signal: AbortSignal.any([context.signal, stop]), graceMs: 500 },
    );
    return { exitCode, stderr };
  } catch (error) {
    context.signal.throwIfAborted();
    if (stop.aborted) return { stderr: "" };
    if (!isBaseKitError(error) || error.code !== "EXEC_NOT_FOUND") throw error;
    throw unwatchable("strace and unshare are needed for it", error);
  }
}

function unwatchable(why: string, cause?: unknown): BaseKitError {
  return new BaseKitError("SCRATCH_CHECK", `the program cannot be watched here: ${why}`, {
    kind: "environment",
    hint: "Install strace and util-linux and allow user namespaces, or name an engine with --docker-host; or leave --check away. The image was made.",
    cause,
  });
}

/** Lookups after the program itself was started; what is only probed for and exists nowhere says nothing. */
function lookedForInVain(
  log: string,
  { root, stderr }: { readonly root: SearchRoot; readonly stderr: string },
): readonly string[] {
  const lines = log.split("\n");
  const start = lines.findLastIndex((line) => /\bchroot\("/.test(line) && line.endsWith(" = 0"));
  // Without it the program was never reached: namespaces or tracing are forbidden here.
  if (start < 0) {
    const last = stderr.trim().split("\n").at(-1) ?? "";
    throw unwatchable(last === "" ? "it was not reached" : printable(last));
  }
  if (lines.slice(start + 1).some((line) => /\bexecve\(.* = -1 ENOEXEC/.test(line)))
    throw unwatchable("it is for another kind of machine");
  const found = new Set<string>();
  for (const line of lines.slice(start + 1)) {
    const [, path] = /\b\w+\((?:AT_FDCWD, )?"((?:[^"\\]|\\.)*)".* = -1 ENOENT/.exec(line) ?? [];
    if (path === undefined || !path.startsWith("/") || /^\/(?:proc|sys|dev|run)\//.test(path) || path.includes("\\"))
      continue;
    if (PROBED.some((pattern) => pattern.test(path))) continue;
    if (resolvePath(root, bytesFromText(path))?.node.type === "file") found.add(path);
  }
  return [...found].sort().map((path) => printable(path));
}

/** Asked for by every program, and nobody's loss. */
const PROBED = [/^\/etc\/ld\.so\.(?:cache|preload)$/, /\/locale\//, /\/glibc-hwcaps\//];

/**
 * Files that a program names itself when it is not content, which this machine has and the image has not: all that can be known
 * of one that ran where nobody could watch it.
 */
export function missedInWords(
  output: string,
  { entries, root = directoryRoot() }: { readonly entries: readonly Entry[]; readonly root?: SearchRoot },
): readonly string[] {
  const image = entriesRoot(entries);
  const words = [...output.matchAll(/\/[^\s:;,'"`()[\]<>]+/g)].map(([path]) => path.replace(/\.$/, ""));
  const isFileIn = (tree: SearchRoot, path: string) => resolvePath(tree, bytesFromText(path))?.node.type === "file";
  return [...new Set(words)]
    .filter((path) => isFileIn(root, path) && !isFileIn(image, path))
    .sort()
    .map((path) => printable(path));
}
