import { createHash } from "node:crypto";
import {
  type ByteString,
  bytesFromText,
  type Context,
  canonicalJson,
  type Entry,
  type Rootfs,
  type Segment,
} from "@base-kit/core";
import { directoryRoot, readSmallFile } from "@base-kit/elf";
import { parseOsRelease } from "@base-kit/rootfs";
import { type Collected, collect } from "./collect.ts";
import type { Item } from "./image-tree.ts";
import type { ScratchInput } from "./inputs.ts";
import type { ScratchOptions, ScratchProgram } from "./options.ts";
import type { ScratchReport } from "./report.ts";

/** A root filesystem that can say why everything in it is there. */
export interface ScratchRootfs extends Rootfs {
  readonly report: ScratchReport;
  /** Every file and link, with where it came from. */
  readonly inputs: readonly ScratchInput[];
  /** os-release(5) of the system that `packages` are of. The image itself is no such system. */
  readonly system: Readonly<Record<string, string>>;
}

/**
 * The root filesystem of Docker's `FROM scratch`, `ADD program /`, without a daemon: the programs, what they need to run, the
 * folders all that is in, and nothing else. Owner root; mode of the file, but readable by everyone and without setuid.
 * Programs are read, never run; the entries read from copies in the context's private directory.
 *
 * @throws BaseKitError `SCRATCH_…` or `ELF_…`
 */
export async function scratchRootfs(
  programs: readonly ScratchProgram[],
  options: ScratchOptions,
  context: Context,
): Promise<ScratchRootfs> {
  const collected = await collect(programs, options, context);
  const { platform, packages, runtime, report, inputs } = collected;
  const segments = [segmentOf(collected, options)];
  return { platform, osRelease: {}, packages, segments, runtime, report, inputs, system: systemOf(options) };
}

function systemOf({ root = directoryRoot() }: ScratchOptions): Readonly<Record<string, string>> {
  const found = ["/etc/os-release", "/usr/lib/os-release"]
    .map((path) => readSmallFile(root, bytesFromText(path), 1024 ** 2))
    .find((bytes) => bytes !== undefined);
  return parseOsRelease(found?.toString("utf8") ?? "");
}

function segmentOf(collected: Collected, options: ScratchOptions): Segment {
  const entries = entriesOf(collected, options);
  const facts = entries.map(({ path, type, mode, mtime, ...rest }) => {
    const target = "target" in rest ? rest.target : null;
    const item = collected.items.get(`/${path}` as ByteString);
    return [path, type, mode, mtime, target, item?.type === "file" ? item.sha256 : null];
  });
  const key = createHash("sha256").update(canonicalJson({ scratch: 2, facts }));
  return { key: `sha256:${key.digest("hex")}`, origin: "base", entries: () => entries };
}

/** All entries: folders, parents first, then the named programs in their order, then the rest by name. */
export function entriesOf(
  { items, programs, runtime }: Collected,
  { sourceDateEpoch }: ScratchOptions,
): readonly Entry[] {
  const clamped = (mtime: number) => Math.min(mtime, sourceDateEpoch ?? Number.POSITIVE_INFINITY);
  const named = programs.map(({ path }) => bytesFromText(path)).filter((path) => items.has(path));
  const paths = [...new Set([...named, ...[...items.keys()].sort()])];
  const times = [...items.values()].flatMap((item) => (item.type === "file" ? [clamped(item.mtime)] : []));
  // Folders have the newest time of the files, so that they add nothing that the files do not say.
  const newest = times.reduce((a, b) => Math.max(a, b), 0);
  const folders = new Map<ByteString, number>();
  for (const path of [...paths, ...workdirs(runtime.workdir)])
    for (const folder of foldersAbove(path)) folders.set(folder, 0o755);
  for (const [path, item] of items) if (item.type === "directory") folders.set(path, item.mode);
  const owner = { uid: 0, gid: 0 };
  return [
    ...[...folders.keys()]
      .filter((path) => items.get(path)?.type !== "symlink")
      .sort()
      .map(
        (path): Entry => ({
          type: "directory",
          path: relative(path),
          mode: folders.get(path) ?? 0o755,
          ...owner,
          mtime: newest,
        }),
      ),
    ...paths.flatMap((path) => entryOf(relative(path), items.get(path), { owner, clamped })),
  ];
}

function entryOf(
  path: ByteString,
  item: Item | undefined,
  {
    owner,
    clamped,
  }: { readonly owner: { readonly uid: number; readonly gid: number }; readonly clamped: (mtime: number) => number },
): readonly Entry[] {
  if (item === undefined || item.type === "directory") return [];
  const mtime = clamped(item.mtime);
  if (item.type === "symlink") return [{ type: "symlink", path, target: item.target, mode: 0o777, ...owner, mtime }];
  return [{ type: "file", path, mode: item.mode, ...owner, mtime, size: item.size, content: item.content }];
}

function workdirs(workdir = "/"): readonly ByteString[] {
  return [`${bytesFromText(workdir)}/.` as ByteString];
}

/** `/usr` and `/usr/bin` of `/usr/bin/hello`. */
function foldersAbove(path: ByteString): readonly ByteString[] {
  const components = path.split("/").filter((component) => component !== "");
  return components.slice(0, -1).map((_, index) => `/${components.slice(0, index + 1).join("/")}` as ByteString);
}

function relative(path: ByteString): ByteString {
  return path.slice(1) as ByteString;
}
