import type { ByteString } from "@base-kit/core";
import { textFromBytes } from "@base-kit/core";
import type { FoundBy } from "@base-kit/elf";
import type { Program } from "./collect.ts";
import type { Addition } from "./features.ts";
import type { Item } from "./image-tree.ts";
import type { Closures } from "./needs.ts";

/** Why everything in the image is there. Sizes are bytes. */
export interface ScratchReport {
  readonly programs: readonly ReportedProgram[];
  readonly additions: readonly Addition[];
  readonly files: number;
  readonly size: number;
}

export interface ReportedProgram {
  /** As it was named; a script's interpreter says whose it is. */
  readonly file: string;
  readonly path: string;
  readonly size: number;
  readonly interpreter?: string;
  /** In the order they are loaded. */
  readonly libraries: readonly ReportedLibrary[];
}

export interface ReportedLibrary {
  readonly name: string;
  readonly path: string;
  readonly size: number;
  readonly foundBy: FoundBy;
  /** Paths of the files that need it. */
  readonly neededBy: readonly string[];
  /** Of the root's package database. */
  readonly package?: string;
}

export function reportOf({
  programs,
  closures,
  additions,
  items,
  owners,
}: {
  readonly programs: readonly Program[];
  readonly closures: Closures;
  readonly additions: readonly Addition[];
  readonly items: ReadonlyMap<ByteString, Item>;
  readonly owners: ReadonlyMap<ByteString, string>;
}): ScratchReport {
  const closed = closures.list.map(({ file, closure: { program, interpreter, libraries } }) => ({
    file,
    path: textFromBytes(program.imagePath),
    size: program.file.node.size,
    ...(interpreter === undefined ? {} : { interpreter: textFromBytes(interpreter.path) }),
    libraries: libraries.map(({ name, path, file: found, by, neededBy }) => {
      const owner = owners.get(found.path);
      return {
        name: textFromBytes(name),
        path: textFromBytes(path),
        size: found.node.size,
        foundBy: by,
        neededBy: neededBy.map((each) => textFromBytes(each === program.path ? program.imagePath : each)),
        ...(owner === undefined ? {} : { package: owner }),
      };
    }),
  }));
  const others = programs
    .filter(({ kind }) => kind.kind === "script" || kind.kind === "data")
    .map(({ file, path, copy }) => ({ file, path, size: copy.size, libraries: [] }));
  const files = [...items.values()].filter((item) => item.type === "file");
  return {
    programs: [...closed, ...others],
    additions,
    files: files.length,
    size: files.reduce((sum, { size }) => sum + size, 0),
  };
}
