import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, mkdir, open, readdir, realpath, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import {
  BaseKitError,
  type Context,
  isBaseKitError,
  printable,
  systemErrorCode,
  systemErrorReason,
} from "@base-kit/core";
import { type ContextFile, dockerignore } from "./dockerfile.ts";
import { contentDigest, isOwnContext } from "./own-context.ts";

export interface ContextContent {
  readonly dockerfile: string;
  readonly programs: readonly CopiedFile[];
}

/** A file of the context, and the copy its bytes come from. */
interface CopiedFile extends Pick<ContextFile, "name"> {
  readonly copy: string;
  /** Hexadecimal digits. */
  readonly sha256: string;
  readonly mode: number;
  /** Seconds since 1970. */
  readonly mtime: number;
}

/** Writes a build context to a folder that is not there, is empty, or is as an earlier run left it. */
export async function placeContext(dir: string, content: ContextContent, context: Context): Promise<void> {
  try {
    const target = await resolvedTarget(dir);
    const state = await stateOf(target);
    if (state === "occupied") throw occupied(dir);
    if (state === "empty") await fillFolder(target, content, context);
    else await swapFolder(target, content, context);
  } catch (error) {
    if (isBaseKitError(error) || context.signal.aborted) throw error;
    throw unwritable(dir, error);
  }
}

type FolderState = "absent" | "empty" | "own" | "occupied";

async function stateOf(target: string): Promise<FolderState> {
  let names: readonly string[];
  try {
    names = await readdir(target);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === "ENOENT") return "absent";
    if (code === "ENOTDIR") return "occupied";
    throw error;
  }
  if (names.length === 0) return "empty";
  return (await isOwnContext(target)) ? "own" : "occupied";
}

/** Where the folder really is: a link to a folder stays a link. */
async function resolvedTarget(dir: string): Promise<string> {
  const path = resolve(dir);
  return await realpath(path).catch(async (error: unknown) => {
    if (systemErrorCode(error) !== "ENOENT") throw error;
    return join(await realpath(dirname(path)), basename(path));
  });
}

/** An empty folder may be a mount point or someone's working directory, so it stays; the Dockerfile comes last. */
async function fillFolder(target: string, content: ContextContent, context: Context): Promise<void> {
  const work = join(target, temporaryName());
  const placed: string[] = [];
  try {
    const names = await writeContent(work, content, context);
    for (const name of names) {
      placed.push(join(target, name));
      await rename(join(work, name), join(target, name));
    }
    await rm(work, { recursive: true });
    await syncPath(target);
  } catch (error) {
    await Promise.all([work, ...placed].map((path) => rm(path, { recursive: true, force: true })));
    throw error;
  }
}

async function swapFolder(target: string, content: ContextContent, context: Context): Promise<void> {
  const work = join(dirname(target), temporaryName());
  const old = join(dirname(target), temporaryName());
  let isMoved = false;
  try {
    await writeContent(work, content, context);
    isMoved = await renameIfThere(target, old);
    await rename(work, target);
  } catch (error) {
    if (isMoved) await rename(old, target);
    await rm(work, { recursive: true, force: true });
    throw error;
  }
  await syncPath(dirname(target));
  await rm(old, { recursive: true, force: true });
}

function temporaryName(): string {
  return `.base-kit-${process.pid}-${randomBytes(6).toString("hex")}`;
}

async function renameIfThere(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return false;
    throw error;
  }
}

/** Makes the folder and everything in it; gives the names, the Dockerfile last. */
async function writeContent(dir: string, content: ContextContent, context: Context): Promise<readonly string[]> {
  await mkdir(dir);
  for (const { name, copy, mode, mtime } of content.programs) {
    context.signal.throwIfAborted();
    const path = join(dir, name);
    await copyFile(copy, path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    await finishFile(path, { mode, mtime });
  }
  const names = content.programs.map(({ name }) => name);
  const digest = contentDigest([
    ...content.programs.map(({ name, sha256 }) => ({ name, sha256 })),
    { name: "Dockerfile", text: content.dockerfile },
  ]);
  for (const [name, text] of [
    [".dockerignore", dockerignore(names, digest)],
    ["Dockerfile", content.dockerfile],
  ] as const) {
    await writeFile(join(dir, name), text, { flag: "wx", flush: true });
  }
  await syncPath(dir);
  context.signal.throwIfAborted();
  return [...names, ".dockerignore", "Dockerfile"];
}

/** Last of all the times, which writing would change. */
async function finishFile(
  path: string,
  { mode, mtime }: { readonly mode: number; readonly mtime: number },
): Promise<void> {
  const file = await open(path, "r");
  try {
    await file.chmod(mode);
    await file.utimes(mtime, mtime);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncPath(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function occupied(dir: string): BaseKitError {
  return new BaseKitError(
    "SCRATCH_CONTEXT_OCCUPIED",
    `writing the build context to ${printable(dir)} is refused: there is something in that place that this command did not write, or that was changed since`,
    {
      kind: "usage",
      hint: "It was left untouched. Name a folder that is empty or does not exist, or remove this one yourself.",
    },
  );
}

function unwritable(dir: string, error: unknown): BaseKitError {
  const advice: Readonly<Record<string, string>> = {
    ENOENT: "The folder above it does not exist: make it first.",
    ENOSPC: "The disk is full.",
    EROFS: "That file system is read-only.",
    EACCES: "You may not write there.",
  };
  return new BaseKitError(
    "SCRATCH_CONTEXT_UNWRITABLE",
    `writing the build context to ${printable(dir)} failed: ${systemErrorReason(error)}`,
    {
      kind: "environment",
      hint: `${advice[systemErrorCode(error) ?? ""] ?? "Choose another folder."} What was there before is untouched.`,
      cause: error,
    },
  );
}
