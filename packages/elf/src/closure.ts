import type { ByteString } from "@base-kit/core";
import { printable } from "@base-kit/core";
import type { Elf } from "./elf.ts";
import type { ElfFiles, FoundBy, Loaded, Search } from "./library-search.ts";
import { searchFor } from "./library-search.ts";
import type { Resolved } from "./search-root.ts";
import { resolvePath } from "./search-root.ts";

/** A program, and everything that is loaded with it. */
export interface Closure {
  readonly program: Loaded;
  /** `PT_INTERP`, as a path and as a file. */
  readonly interpreter?: { readonly path: ByteString; readonly file: Resolved; readonly elf: Elf };
  /** In the order in which they are loaded: breadth first. */
  readonly libraries: readonly Library[];
  readonly missing: readonly Missing[];
}

export interface Library extends Loaded {
  /** The name it is needed by: its first one. */
  readonly name: ByteString;
  readonly by: FoundBy;
  /** Paths of the files that need it, in the order they were loaded. */
  readonly neededBy: readonly ByteString[];
}

/** What would keep the program from starting. */
export interface Missing {
  readonly kind: "library" | "interpreter" | "version";
  /** `libssl.so.3`; for a version the library that lacks it. */
  readonly name: ByteString;
  readonly version?: ByteString;
  readonly neededBy: ByteString;
  /** Files of that name for another machine. */
  readonly passedOver: readonly ByteString[];
}

/** A program's place in the root, and in the image where that is another. */
export interface ClosureStart {
  readonly path: ByteString;
  readonly imagePath?: ByteString;
  /** Libraries that are loaded with it though no file says so, such as those of a plug-in. */
  readonly alsoNeeds?: readonly ByteString[];
  /** Who loads it, where it does not say so itself: a library that a running program opens. */
  readonly interpreter?: ByteString;
}

/** Closures of programs of one root; what they share is read once. */
export function closureOf(files: ElfFiles): (start: ClosureStart) => Closure {
  const searches = new Map<string, Search>();
  return (start) => {
    const resolved = resolvePath(files.root, start.path);
    if (resolved === undefined) throw new TypeError(`no such file: ${printable(start.path)}`);
    const elf = files.read(resolved);
    // $ORIGIN is where the file itself is (/proc/self/exe), not where a link to it is.
    const program = { path: resolved.path, imagePath: start.imagePath ?? resolved.path, file: resolved, elf };
    const path = elf.interpreter ?? start.interpreter;
    if (path === undefined && (elf.dynamic?.needed.length ?? 0) === 0) return { program, libraries: [], missing: [] };
    const interpreter = path === undefined ? undefined : resolvePath(files.root, path);
    if (path !== undefined && interpreter?.node.type !== "file") {
      const missing: Missing = { kind: "interpreter", name: path, neededBy: program.path, passedOver: [] };
      return { program, libraries: [], missing: [missing] };
    }
    const linker = interpreter ?? resolved;
    const key = `${linker.path}\0${linker.links.join("\0")}\0${elf.machine}\0${elf.class}`;
    let search = searches.get(key);
    if (search === undefined) {
      search = searchFor(linker, files, elf);
      searches.set(key, search);
    }
    const linkerFacts =
      path === undefined || interpreter === undefined
        ? {}
        : { interpreter: { path, file: interpreter, elf: files.read(interpreter) } };
    return {
      program,
      ...linkerFacts,
      ...load(program, linkerFacts.interpreter, { search, alsoNeeds: start.alsoNeeds ?? [] }),
    };
  };
}

interface Node extends Loaded {
  readonly name: ByteString;
  readonly by: FoundBy;
  readonly neededBy: ByteString[];
  /** Who caused the loading, nearest first, up to the program. */
  readonly chain: readonly Loaded[];
}

function load(
  program: Loaded,
  interpreter: Closure["interpreter"],
  { search, alsoNeeds }: { readonly search: Search; readonly alsoNeeds: readonly ByteString[] },
): Pick<Closure, "libraries" | "missing"> {
  const byName = new Map<ByteString, Node>();
  const byFile = new Map<ByteString, Node>();
  const libraries: Node[] = [];
  const missing: Missing[] = [];
  const add = (node: Node, name: ByteString) => {
    byFile.set(node.file.path, node);
    byName.set(name, node);
    // A file answers to its own name as well as to the one it was found by.
    const { soname } = node.elf.dynamic ?? {};
    if (soname !== undefined && !byName.has(soname)) byName.set(soname, node);
  };
  const linker =
    interpreter === undefined
      ? undefined
      : {
          ...interpreter,
          imagePath: interpreter.path,
          name: interpreter.path,
          by: "path" as const,
          neededBy: [],
          chain: [program],
        };
  const queue: (Pick<Node, "path" | "chain" | "elf"> & { readonly self: Loaded })[] = [
    { path: program.path, elf: program.elf, chain: [], self: program },
  ];
  for (let at = 0; at < queue.length; at++) {
    const { elf, chain, self } = queue[at] as (typeof queue)[number];
    const names = [...(elf.dynamic?.needed ?? []), ...(at === 0 ? alsoNeeds : [])];
    for (const name of new Set(names)) {
      const known = byName.get(name);
      if (known !== undefined) {
        known.neededBy.push(self.path);
        continue;
      }
      // The linker itself is loaded already, and some libraries name it.
      const { soname } = linker?.elf.dynamic ?? {};
      const loaders = [self, ...chain];
      const { found, passedOver } =
        linker !== undefined && soname === name ? { found: linker, passedOver: [] } : search.find(name, loaders);
      if (found === undefined) {
        missing.push({ kind: "library", name, neededBy: self.path, passedOver });
        continue;
      }
      const twin = byFile.get(found.file.path);
      if (twin !== undefined) {
        twin.neededBy.push(self.path);
        byName.set(name, twin);
        continue;
      }
      const { path, imagePath, file, by } = found;
      const node: Node = { path, imagePath, file, elf: found.elf, name, by, neededBy: [self.path], chain: loaders };
      add(node, name);
      libraries.push(node);
      queue.push({ path, elf: found.elf, chain: loaders, self: node });
    }
  }
  missing.push(...missingVersions([program, ...libraries], byName));
  return { libraries: libraries.map(({ chain: _, ...library }) => library), missing };
}

/** ld.so: "version `GLIBC_2.38' not found". A library without any version table is let pass, with a warning. */
function missingVersions(loaded: readonly Loaded[], byName: ReadonlyMap<ByteString, Loaded>): readonly Missing[] {
  return loaded.flatMap(({ elf, path }) =>
    (elf.dynamic?.versionNeeds ?? []).flatMap(({ library, versions }) => {
      const offered = byName.get(library)?.elf.dynamic?.versions;
      if (offered === undefined) return [];
      return versions
        .filter((version) => !offered.includes(version))
        .map((version) => ({ kind: "version" as const, name: library, version, neededBy: path, passedOver: [] }));
    }),
  );
}
