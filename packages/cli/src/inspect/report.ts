import {
  type ByteString,
  type Digest,
  formatPlatform,
  type InstalledPackage,
  type Layer,
  type RuntimeConfig,
  textFromBytes,
} from "@base-kit/core";
import { packageFiles } from "@base-kit/rootfs";
import type { Examined } from "./examine.ts";

/** What `inspect` tells of an image. All sizes are bytes. */
export interface ImageReport {
  readonly platform: string;
  /** The config's digest. */
  readonly id: Digest;
  /** The manifest's digest. */
  readonly digest: Digest;
  readonly created?: string;
  /** Of os-release, such as `Alpine Linux v3.20`. */
  readonly system?: string;
  /** Layers as they are stored. */
  readonly size: number;
  /** All files a container sees. */
  readonly unpacked: number;
  readonly entries: number;
  readonly runtime: RuntimeConfig;
  readonly annotations: Readonly<Record<string, string>>;
  readonly layers: readonly LayerReport[];
  /** With the size of their files; largest first. */
  readonly packages: readonly (InstalledPackage & { readonly size: number })[];
  /** Largest first, each with all that is below it; one that is little more than a single folder in it is left out. */
  readonly folders: readonly Sized[];
  /** What lower layers carry and nobody sees. */
  readonly wasted: { readonly size: number; readonly files: readonly WastedFile[] };
}

export interface LayerReport {
  readonly digest: Digest;
  readonly diffId: Digest;
  readonly compression: Layer["compression"];
  readonly size: number;
  /** Of its tar. */
  readonly unpacked: number;
  readonly entries: number;
  readonly createdBy: string;
}

export interface Sized {
  readonly path: string;
  readonly size: number;
}

export interface WastedFile extends Sized {
  readonly layer: number;
  readonly by: number;
  readonly how: "replaced" | "removed";
}

export async function reportOf(examined: Examined): Promise<ImageReport> {
  const { image, config, tree, osRelease } = examined;
  const system = osRelease["PRETTY_NAME"] ?? osRelease["NAME"];
  return {
    platform: formatPlatform(image.platform),
    id: image.config.digest,
    digest: image.manifest.digest,
    ...(config.created === undefined ? {} : { created: config.created }),
    ...(system === undefined ? {} : { system }),
    size: image.layers.reduce((sum, { size }) => sum + size, 0),
    unpacked: tree.entries.reduce((sum, entry) => sum + (entry.type === "file" ? entry.size : 0), 0),
    entries: tree.entries.length,
    runtime: image.runtime,
    annotations: image.annotations,
    layers: image.layers.map(({ digest, diffId, compression, size }, index) => ({
      digest,
      diffId,
      compression,
      size,
      unpacked: tree.layers[index]?.size ?? 0,
      entries: tree.layers[index]?.entries ?? 0,
      createdBy: config.createdBy[index] ?? "",
    })),
    packages: await sizedPackages(examined),
    folders: largestFolders(examined),
    wasted: wastedOf(examined),
  };
}

async function sizedPackages({ packages, segments, tree }: Examined): Promise<ImageReport["packages"]> {
  const owners = await packageFiles({ segments }, tree.entries);
  const sizes = new Map<string, number>();
  for (const entry of tree.entries) {
    const owner = entry.type === "file" ? owners.get(entry.path) : undefined;
    if (owner !== undefined && entry.type === "file") sizes.set(owner, (sizes.get(owner) ?? 0) + entry.size);
  }
  return packages
    .map((each) => ({ ...each, size: sizes.get(each.name) ?? 0 }))
    .sort((a, b) => b.size - a.size || (a.name < b.name ? -1 : 1));
}

/** A folder of which so much lies in one folder below it says nothing of its own. */
const MOSTLY = 0.9;

function largestFolders({ tree }: Examined): readonly Sized[] {
  const sizes = new Map<ByteString, number>();
  for (const entry of tree.entries) {
    if (entry.type !== "file") continue;
    for (let at = entry.path.lastIndexOf("/"); at > 0; at = entry.path.lastIndexOf("/", at - 1)) {
      const folder = entry.path.slice(0, at) as ByteString;
      sizes.set(folder, (sizes.get(folder) ?? 0) + entry.size);
    }
  }
  const hollow = new Set<ByteString>();
  for (const [folder, size] of sizes) {
    const parent = folder.slice(0, Math.max(0, folder.lastIndexOf("/"))) as ByteString;
    if (size > MOSTLY * (sizes.get(parent) ?? Number.POSITIVE_INFINITY)) hollow.add(parent);
  }
  return [...sizes]
    .filter(([folder, size]) => size > 0 && !hollow.has(folder))
    .sort(([a, sizeA], [b, sizeB]) => sizeB - sizeA || (a < b ? -1 : 1))
    .map(([folder, size]) => ({ path: shownPath(folder), size }));
}

function wastedOf({ tree }: Examined): ImageReport["wasted"] {
  const files = [...tree.hidden]
    .sort((a, b) => b.size - a.size || (a.path < b.path ? -1 : 1))
    .map(({ path, ...rest }) => ({ path: shownPath(path), ...rest }));
  return { size: files.reduce((sum, { size }) => sum + size, 0), files };
}

export function shownPath(path: ByteString): string {
  return `/${textFromBytes(path)}`;
}
