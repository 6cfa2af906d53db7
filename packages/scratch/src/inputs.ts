import { type ByteString, bytesFromText, type InstalledPackage } from "@base-kit/core";
import type { Item } from "./image-tree.ts";

/** A file or link of the image and where it was taken from: all that decides what an image from scratch holds. */
export interface ScratchInput {
  /** In the image, absolute. */
  readonly path: ByteString;
  readonly from: InputOrigin;
  /** Seconds since 1970. */
  readonly mtime: number;
  /** Bytes; of files. */
  readonly size?: number;
  /** Hexadecimal digits; of files. */
  readonly sha256?: string;
  /** Of symbolic links. */
  readonly target?: ByteString;
  /** Of the root's package database. */
  readonly package?: InstalledPackage;
}

export type InputOrigin =
  /** A program as it was named. */
  | { readonly kind: "program"; readonly file: string }
  /** A path of the root. */
  | { readonly kind: "root"; readonly path: ByteString }
  /** Written by base-kit itself, such as an account. */
  | { readonly kind: "made" };

interface Gathered {
  readonly items: ReadonlyMap<ByteString, Item>;
  readonly programs: readonly {
    readonly file: string;
    readonly path: string;
    readonly source: ByteString | undefined;
  }[];
  readonly packages: readonly InstalledPackage[];
  /** Names of packages, with or without their architecture. */
  readonly owners: ReadonlyMap<ByteString, string>;
}

/** Sorted by path. */
export function inputsOf({ items, programs, packages, owners }: Gathered): readonly ScratchInput[] {
  const named = new Map(
    programs.filter(({ source }) => source === undefined).map(({ path, file }) => [bytesFromText(path), file]),
  );
  const byName = new Map<string, InstalledPackage>();
  for (const each of packages) byName.set(each.name, each).set(`${each.name}:${each.architecture}`, each);
  return [...items.keys()].sort().flatMap((path): readonly ScratchInput[] => {
    const item = items.get(path);
    if (item === undefined || item.type === "directory") return [];
    const file = named.get(path);
    const source = item.source;
    const from: InputOrigin =
      file !== undefined && source === undefined
        ? { kind: "program", file }
        : source === undefined
          ? { kind: "made" }
          : { kind: "root", path: source };
    const { mtime } = item;
    if (item.type === "symlink") return [{ path, from, mtime, target: item.target }];
    const owner = byName.get(source === undefined ? "" : (owners.get(source) ?? ""));
    const { size, sha256 } = item;
    return [{ path, from, mtime, size, sha256, ...(owner === undefined ? {} : { package: owner }) }];
  });
}
