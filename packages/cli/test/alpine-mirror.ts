import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { locationOf } from "@base-kit/testing";

/** A copy of a part of Alpine's mirror, so that tests may damage it. */
export interface AlpineMirror {
  readonly dir: string;
  /** Paths below `dir`. */
  readonly index: string;
  readonly minirootfs: string;
}

/** Alpine's name of this machine's architecture. */
export const ALPINE_ARCHITECTURE: string = process.arch === "arm64" ? "aarch64" : "x86_64";
/** The one of the two that this machine does not have. */
export const FOREIGN: { readonly alpine: string; readonly docker: string } =
  process.arch === "arm64" ? { alpine: "x86_64", docker: "amd64" } : { alpine: "aarch64", docker: "arm64" };

/** Release 3.20 for one architecture, from the mirror that `requires("alpine-mirror")` found. */
export async function copyAlpineMirror(dir: string, architecture: string = ALPINE_ARCHITECTURE): Promise<AlpineMirror> {
  const folder = `v3.20/releases/${architecture}`;
  const index = `${folder}/latest-releases.yaml`;
  const [, name] = /file: (alpine-minirootfs-[\w.-]+\.tar\.gz)/.exec((await copy(index, dir)).toString()) ?? [];
  if (name === undefined) throw new Error(`${index} names no minirootfs`);
  for (const suffix of ["", ".sha256", ".sha512"]) await copy(`${folder}/${name}${suffix}`, dir);
  return { dir, index, minirootfs: `${folder}/${name}` };
}

async function copy(path: string, dir: string): Promise<Buffer> {
  const bytes = await read(path);
  const target = join(dir, path);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, bytes);
  return bytes;
}

async function read(path: string): Promise<Buffer> {
  const mirror = locationOf("alpine-mirror").replace(/\/+$/, "");
  const folder = mirror.startsWith("file:") ? fileURLToPath(mirror) : mirror;
  if (existsSync(folder)) return readFileSync(join(folder, path));
  const response = await fetch(`${mirror}/${path}`);
  if (!response.ok) throw new Error(`HTTP ${response.status} for ${mirror}/${path}`);
  return Buffer.from(await response.arrayBuffer());
}
