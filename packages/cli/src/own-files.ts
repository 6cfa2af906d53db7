import { lstat, readlink, realpath } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type Context, systemErrorCode } from "@base-kit/core";
import { escapeWildcards } from "@base-kit/rootfs";
import { outputPlace } from "@base-kit/store";
import type { WrittenPlace } from "./file-places.ts";
import { isStream } from "./stream-file.ts";

/** Of the program that runs (`start.ts`), which may lie in what it imports. */
const CODE_CACHE = fileURLToPath(new URL("../code-cache", import.meta.url));

/**
 * What base-kit writes may lie in a directory that it reads: outputs of this run or an earlier one, caches, temporary files. So may
 * the links by which an output is reached: each is left out as well, as without the output it would lead nowhere. Other links to it are
 * a part of the tree.
 *
 * @returns patterns for `excludePatterns`
 */
export async function ownFiles(
  directory: string,
  outputs: readonly WrittenPlace[],
  { store, tempDir }: Pick<Context, "store" | "tempDir">,
): Promise<readonly string[]> {
  const tree = await realpath(directory);
  const kept = [tempDir, CODE_CACHE, ...(store.dir === undefined ? [] : [store.dir])];
  const all = await Promise.all([
    ...outputs.map((output) => patternsOf(output, tree)),
    ...kept.map((path) => patternsIn(tree, path)),
  ]);
  return [...new Set(all.flat())];
}

async function patternsOf(output: WrittenPlace, tree: string): Promise<readonly string[]> {
  const place = await placeOf(output);
  if (place === undefined) return [];
  const links = await Promise.all((await linksFrom(output.path)).map((link) => patternsIn(tree, link)));
  const own = await patternsIn(tree, place, TEMPORARIES[output.as]);
  const isTree = output.as === "layout" && (await nameIn(tree, place)) === "";
  return [...links.flat(), ...own, ...(isTree ? IN_LAYOUT : [])];
}

/** Behind all links; undefined for what stays as it is, and where nothing can be written. */
async function placeOf({ path, as }: WrittenPlace): Promise<string | undefined> {
  if (as === "file") return (await isStream(path)) ? undefined : outputPlace(path);
  const found = await lstat(path).catch((error: unknown) => systemErrorCode(error));
  if (typeof found === "object") return realpath(path).catch(() => undefined);
  return found === "ENOENT" ? path : undefined;
}

/** The names beside an output under which it is made. */
const TEMPORARIES: Readonly<Record<WrittenPlace["as"], (name: string) => readonly string[]>> = {
  file: (name) => [`${name}.tmp-*`],
  directory: (name) => [join(dirname(name), `.${basename(name)}.tmp-*`)],
  layout: () => [],
};

/** What a layout has that is made of a directory in itself. */
const IN_LAYOUT = ["blobs", "oci-layout", "oci-layout.tmp-*", "index.json", "index.json.*"];

/** None for what lies outside of the tree, and for the tree itself. */
async function patternsIn(
  tree: string,
  path: string,
  besides: (name: string) => readonly string[] = () => [],
): Promise<readonly string[]> {
  const name = await nameIn(tree, path);
  if (name === undefined || name === "") return [];
  const pattern = escapeWildcards(name);
  return [pattern, ...besides(pattern)];
}

async function nameIn(tree: string, path: string): Promise<string | undefined> {
  // Where there is no such folder, nothing will be written.
  const folder = await realpath(dirname(path)).catch(() => resolve(dirname(path)));
  const name = relative(tree, join(folder, basename(path)));
  return name === ".." || name.startsWith("../") ? undefined : name;
}

/** The path itself, if it is a link, and each link behind it; that they come to an end has been seen. */
async function linksFrom(path: string): Promise<readonly string[]> {
  const link = path.replace(/(?<=[^/])\/+$/, "");
  const target = await readlink(link).catch(() => undefined);
  if (target === undefined) return [];
  const within = await realpath(dirname(link));
  // Not cleared of dots: with links in it, a/../b is not b.
  return [link, ...(await linksFrom(target.startsWith("/") ? target : `${within}/${target}`))];
}
