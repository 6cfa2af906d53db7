import { resolve } from "node:path";
import {
  type Architecture,
  BaseKitError,
  type ByteString,
  bytesFromText,
  type Context,
  type InstalledPackage,
  type Platform,
  printable,
  type RuntimeConfig,
  step,
  textFromBytes,
} from "@base-kit/core";
import { directoryRoot, resolvePath, type SearchRoot } from "@base-kit/elf";
import { type Copy, copyFromRoot } from "./copy-file.ts";
import { copyProgram } from "./copy-program.ts";
import { addFeatures } from "./features.ts";
import { type Placed, placePrograms, refuseClashes } from "./image-path.ts";
import { createImageTree, type Item } from "./image-tree.ts";
import { inputsOf, type ScratchInput } from "./inputs.ts";
import { createClosures } from "./needs.ts";
import type { ScratchOptions, ScratchProgram } from "./options.ts";
import { ownersOf } from "./owners.ts";
import { type ProgramKind, readProgram, sharedPlatform } from "./read-program.ts";
import { reportOf, type ScratchReport } from "./report.ts";
import { scratchRuntime } from "./runtime.ts";
import { runtimeForScript, runtimeOf } from "./runtimes.ts";
import { resolveShebang, searchPath } from "./scripts.ts";
import { refuseSecret } from "./secrets.ts";
import { warnOfSize } from "./suggest-image.ts";

/** A named file as it will be in the image. */
export interface Program {
  readonly file: string;
  /** Absolute path in the image. */
  readonly path: string;
  readonly copy: Copy;
  readonly kind: ProgramKind;
  readonly mode: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  /** Where it is in the root, when it is there and keeps its place. */
  readonly source: ByteString | undefined;
}

export interface Collected {
  readonly programs: readonly Program[];
  readonly items: ReadonlyMap<ByteString, Item>;
  readonly platform: Platform;
  readonly runtime: RuntimeConfig;
  readonly packages: readonly InstalledPackage[];
  readonly report: ScratchReport;
  readonly inputs: readonly ScratchInput[];
}

/** Reads and checks every program and all it needs before anything is made of them. */
export async function collect(
  programs: readonly ScratchProgram[],
  options: ScratchOptions,
  context: Context,
): Promise<Collected> {
  const placements = placePrograms(programs);
  const root = options.root ?? directoryRoot();
  const read = await step(context, "reading programs", async ({ progress, detail }) => {
    const found: Program[] = [];
    let before = 0;
    for (const placement of placements) {
      const { file } = placement;
      const onBytes = (bytes: number) => progress(before + bytes, { detail: printable(file) });
      const program = await readPlaced(placement, { found, options, root, context, onBytes });
      found.push(program);
      before += program.copy.size;
    }
    detail(found.length === 1 ? "1 program" : `${found.length} programs`);
    return found;
  });
  refuseClashes(read);
  const platform = sharedPlatform(read.flatMap(withArchitecture), options.platform);
  return await step(context, "finding what they need", async ({ detail }) => {
    const gathered = await gather(read, root, { options, context });
    detail(`${gathered.items.size} ${gathered.items.size === 1 ? "file" : "files"}`);
    return { programs: read, platform, ...gathered };
  });
}

interface Reading {
  /** Those before it. */
  readonly found: readonly Program[];
  readonly options: ScratchOptions;
  readonly root: SearchRoot;
  readonly context: Context;
  readonly onBytes: (read: number) => void;
}

async function readPlaced(placed: Placed, { found, options, root, context, onBytes }: Reading): Promise<Program> {
  const { file } = placed;
  const source = bytesFromText(options.root === undefined ? resolve(file) : resolve("/", file));
  refuseSecret(source, root.name);
  const { copy, mode, mtime } =
    options.root === undefined ? await fromMachine(file, context, onBytes) : fromRoot(file, source, { root, context });
  warnAboutSetuid(file, mode, context);
  const isDataWelcome = found.length > 0 || runtimeForScript(file) !== undefined;
  const kind = readProgram({ copy: copy.path, name: file }, isDataWelcome);
  const keeps = placed.path === undefined && keepsPlace(source, kind, { root, isMachine: options.root === undefined });
  const path = placed.path ?? (keeps ? textFromBytes(source) : placed.defaultPath);
  const time = Math.min(mtime, options.sourceDateEpoch ?? Number.POSITIVE_INFINITY);
  const bits = kind.kind === "data" ? (mode & 0o755) | 0o444 : (mode & 0o755) | 0o555;
  return { file, path, copy, kind, mode: bits, mtime: time, source: keeps ? source : undefined };
}

/**
 * A static program goes to the root directory, as in Docker's guide. One that needs other files knows some of them by
 * where it lies itself, so that a program of the system stays where it is, and so does an interpreter with its library.
 */
function keepsPlace(
  source: ByteString,
  { kind }: ProgramKind,
  { root, isMachine }: { readonly root: SearchRoot; readonly isMachine: boolean },
): boolean {
  if (kind === "static" || kind === "data") return false;
  if (!isMachine || /^\/(?:usr|bin|sbin|lib[^/]*|opt|nix)\//.test(source)) return true;
  const found = resolvePath(root, source);
  return found !== undefined && runtimeOf(found.path)?.rule.add !== undefined;
}

async function fromMachine(file: string, context: Context, onBytes: (read: number) => void) {
  const { path, size, sha256, mode, mtime, content } = await copyProgram(file, context, onBytes);
  return { copy: { path, size, sha256, content }, mode, mtime };
}

function fromRoot(
  file: string,
  path: ByteString,
  { root, context }: { readonly root: SearchRoot; readonly context: Context },
) {
  const found = resolvePath(root, path);
  if (found?.node.type !== "file") {
    throw new BaseKitError(
      "SCRATCH_PROGRAM_MISSING",
      `the program ${printable(file)} does not exist in ${printable(root.name)}`,
      {
        kind: "usage",
        hint: "Nothing was written. With --root or --from-image a program is named by its path in there.",
      },
    );
  }
  return { copy: copyFromRoot(root, found.path, context), mode: found.node.mode, mtime: found.node.mtime };
}

function warnAboutSetuid(file: string, mode: number, { reporter }: Context): void {
  if ((mode & 0o6000) === 0) return;
  const bit = (mode & 0o4000) !== 0 ? "setuid" : "setgid";
  reporter.emit({
    type: "warned",
    code: "SCRATCH_SETUID_DROPPED",
    message: `${printable(file)} loses its ${bit} bit: all files of a scratch image belong to root, so it would make a root program of it`,
  });
}

function withArchitecture({
  file,
  kind,
}: Program): readonly { readonly file: string; readonly architecture: Architecture }[] {
  return kind.kind === "static" || kind.kind === "dynamic" ? [{ file, architecture: kind.architecture }] : [];
}

/** Everything that comes along, in the order in which one thing asks for another. */
async function gather(
  programs: readonly Program[],
  root: SearchRoot,
  { options, context }: { readonly options: ScratchOptions; readonly context: Context },
): Promise<Pick<Collected, "items" | "runtime" | "packages" | "report" | "inputs">> {
  const tree = createImageTree(root, context);
  const closures = createClosures(root, tree, context);
  const interpreters: ByteString[] = [];
  const runtimes = new Set<ByteString>();

  const addInterpreter = async (path: ByteString, user: string, chain: readonly ByteString[] = []) => {
    if (chain.includes(path) || chain.length >= INTERPRETERS_AT_MOST) throw endlessScript(path, user);
    if (interpreters.includes(path)) return;
    interpreters.push(path);
    const found = resolvePath(root, path);
    if (found === undefined) return;
    await tree.take(path);
    const copy = copyFromRoot(root, found.path, context);
    const kind = readProgram({ copy: copy.path, name: textFromBytes(path) }, false);
    if (kind.kind === "script") await addShebang(kind.shebang, textFromBytes(path), [...chain, path]);
    else if (kind.kind === "dynamic" || kind.kind === "static")
      await closures.add({ file: `${user} (by ${textFromBytes(path)})`, path: found.path, markers: kind.markers });
    runtimes.add(found.path);
  };
  const addShebang = async (
    shebang: Parameters<typeof resolveShebang>[0],
    file: string,
    chain: readonly ByteString[] = [],
  ) => {
    for (const path of resolveShebang(shebang, { file, root })) await addInterpreter(path, file, chain);
  };

  const commands: (readonly string[] | undefined)[] = [];
  for (const { file, path, copy, kind, source } of programs) {
    if (source !== undefined) tree.takeCopy(source, copy);
    if (kind.kind === "dynamic" || kind.kind === "static") {
      const at = options.root === undefined ? bytesFromText(resolve(file)) : bytesFromText(resolve("/", file));
      const moved = source === undefined ? { imagePath: bytesFromText(path) } : {};
      const { program } = await closures.add({ file, path: at, markers: kind.markers, ...moved });
      if (source !== undefined) runtimes.add(program.file.path);
    }
    if (kind.kind === "script") await addShebang(kind.shebang, file);
    const rule = kind.kind === "data" ? runtimeForScript(file) : undefined;
    const named =
      rule &&
      programs.find(
        (each) => each.source !== undefined && rule.program.test(resolvePath(root, each.source)?.path ?? ""),
      );
    if (rule !== undefined && named === undefined) {
      const interpreter = searchPath(root, rule.command, file);
      await addInterpreter(interpreter, file);
      commands.push([textFromBytes(interpreter), ...rule.flags, path]);
    } else if (named !== undefined && commands.length === 1 && named === programs[0]) {
      commands[0] = [named.path, ...(rule?.flags ?? []), path];
      commands.push(undefined);
    } else commands.push(undefined);
  }
  for (const path of runtimes) {
    const found = runtimeOf(path);
    await found?.rule.add?.({ root, tree, closures, path, version: found.version });
  }
  const asked = options.runtime ?? {};
  const additions = await addFeatures({ root, tree, closures, runtime: asked, options, context });
  for (const { path, copy, kind, mode, mtime, source } of programs) {
    if (source !== undefined) continue;
    const { size, sha256, content } = copy;
    if (kind.kind !== "data" || tree.items.get(bytesFromText(path))?.type !== "file")
      tree.place(path, { size, sha256, content, mode, mtime });
  }
  const runtime = scratchRuntime({ programs, tree, command: commands[0] }, asked);
  const sources = [...tree.items.values()].flatMap((item) =>
    item.type === "file" && item.source !== undefined ? [item.source] : [],
  );
  const { packages, byPath } =
    sources.length === 0 ? { packages: [], byPath: new Map<ByteString, string>() } : ownersOf(root, sources);
  const report = reportOf({ programs, closures, additions, items: tree.items, owners: byPath });
  warnOfSize({ report, runtimes: [...runtimes], context });
  const inputs = inputsOf({ items: tree.items, programs, packages, owners: byPath });
  return { items: tree.items, runtime, packages, report, inputs };
}

/** A script for a script for a script: Linux follows five (fs/exec.c, `exec_binprm`). */
const INTERPRETERS_AT_MOST = 5;

function endlessScript(path: ByteString, user: string): BaseKitError {
  return new BaseKitError(
    "SCRATCH_INTERPRETER_MISSING",
    `${printable(user)} is a script for ${printable(path)}, which is a script for another and so on: no program begins it`,
    { kind: "unsupported", hint: "Let its first line name a program. Nothing was written." },
  );
}
