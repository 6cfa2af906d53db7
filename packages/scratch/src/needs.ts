import { posix } from "node:path";
import {
  BaseKitError,
  type ByteString,
  bytesFromText,
  type Context,
  isBaseKitError,
  printable,
  textFromBytes,
} from "@base-kit/core";
import {
  type Closure,
  type ClosureStart,
  closureOf,
  dynamicStrings,
  type Elf,
  elfFiles,
  type Loaded,
  type Missing,
  type SearchRoot,
} from "@base-kit/elf";
import { copyFromRoot } from "./copy-file.ts";
import { type ImageTree, imageMode, type TreeFilter } from "./image-tree.ts";
import { packagesHint } from "./owners.ts";
import { pausing } from "./pauses.ts";

/** The libraries of everything in an image: found, taken, and asked about. */
export interface Closures {
  /** Finds and takes the libraries of a program, and whatever loads them. A missing one is an error. */
  add(program: ClosureStart & { readonly file: string; readonly markers: ReadonlySet<Marker> }): Promise<Closure>;
  /** Takes a path of the root and the libraries of every plug-in in it. A missing one is a warning: whoever needs it may never be used. */
  takePlugins(path: string, filter?: TreeFilter): Promise<void>;
  /** Of the named programs, in their order. */
  readonly list: readonly { readonly file: string; readonly closure: Closure }[];
  /** The first file that takes one of these functions from a library: `curl uses getaddrinfo`; those of `except` are not asked. */
  whoNames(names: readonly string[], except?: RegExp): string | undefined;
  /** The first program with such a library: `curl loads libssl.so.3`. */
  whoLoads(library: RegExp): string | undefined;
  whoContains(marker: Marker): string | undefined;
  /** Every ELF file of the image that was looked at, by its path. */
  files(): ReadonlyMap<ByteString, Elf>;
  /** Where the C library lies, once each. */
  libcFolders(): readonly ByteString[];
}

/** What the bytes of a program tell: it looks for the system's certificates, or for time zones. */
export type Marker = "certificates" | "time zones";

const LIBC =
  /^(?:libc\.so\.6|libc\.musl-.*|ld-.*|libpthread\.so\.0|libresolv\.so\.2|libm\.so\.6|libdl\.so\.2|librt\.so\.1)$/;

export function createClosures(root: SearchRoot, tree: ImageTree, context: Context): Closures {
  const files = elfFiles(root);
  const close = closureOf(files);
  const list: { readonly file: string; readonly closure: Closure; readonly markers: ReadonlySet<Marker> }[] = [];
  const names = new Map<ByteString, Buffer>();
  const plugins: Closure[] = [];
  const warned = new Set<string>();
  const pause = pausing(context);

  const takeAll = async ({ interpreter, libraries }: Closure) => {
    if (interpreter !== undefined) await tree.take(interpreter.path);
    for (const { path, imagePath, file } of libraries) {
      if (path === imagePath) await tree.take(path);
      else {
        const moved = posix.normalize(textFromBytes(imagePath));
        const { mode, mtime } = file.node;
        tree.place(moved, {
          ...copyFromRoot(root, file.path, context),
          mode: imageMode(mode),
          mtime,
          source: file.path,
        });
      }
    }
  };
  const namesOf = (path: ByteString): Buffer => {
    let found = names.get(path);
    if (found === undefined) {
      found = root.reading(path, (source) => dynamicStrings(source, path));
      names.set(path, found);
    }
    return found;
  };
  const all = () => [...list.map(({ closure }) => closure), ...plugins];
  return {
    list,
    add: async ({ file, markers, ...start }) => {
      let closure = close(start);
      const wanted = [closure.program, ...closure.libraries].flatMap(({ elf }) => elf.notes?.dlopen ?? []);
      const opened = wanted
        .filter(({ priority }) => priority !== "suggested")
        .flatMap(({ sonames }) => sonames.slice(0, 1));
      const required = new Set(
        wanted.filter(({ priority }) => priority === "required").flatMap(({ sonames }) => sonames.slice(0, 1)),
      );
      if (opened.length > 0) {
        closure = close({ ...start, alsoNeeds: opened });
        // One that need not be there is passed over when it is not.
        closure = {
          ...closure,
          missing: closure.missing.filter(({ name }) => !opened.includes(name) || required.has(name)),
        };
      }
      if (closure.missing.length > 0) throw missingLibraries(file, closure, root);
      await takeAll(closure);
      list.push({ file, closure, markers });
      return closure;
    },
    takePlugins: async (path, filter) => {
      const before = new Set(tree.items.keys());
      await tree.take(bytesFromText(path), filter);
      const interpreter = list.find(({ closure }) => closure.interpreter !== undefined)?.closure.interpreter?.path;
      const seen = new Set(all().flatMap(({ libraries }) => libraries.map(({ file }) => file.path)));
      const taken = [...tree.items].filter(([added]) => !before.has(added));
      const besides = new Set(taken.map(([added]) => added.slice(added.lastIndexOf("/") + 1)));
      for (const [added, item] of taken) {
        if (item.type !== "file" || interpreter === undefined || seen.has(added)) continue;
        if (!/\.so(?:\.|$)/.test(added) && (item.mode & 0o111) === 0) continue;
        await pause();
        try {
          const closure = close({ path: added, interpreter });
          await takeAll(closure);
          plugins.push(closure);
          for (const { name, neededBy } of closure.missing) {
            // What lies beside it is loaded by whoever loads it.
            if (warned.has(name) || besides.has(name)) continue;
            warned.add(name);
            context.reporter.emit({
              type: "warned",
              code: "SCRATCH_PLUGIN_LIBRARY",
              message: `${printable(neededBy)} needs ${printable(name)}, which is not there; it will not work`,
            });
          }
        } catch (error) {
          if (!isBaseKitError(error) || error.code !== "ELF_NOT_ELF") throw error;
        }
      }
    },
    whoNames: (wanted, except) => {
      const needles = wanted.map((name) => ({ name, bytes: Buffer.from(`\0${name}\0`) }));
      for (const { program, libraries } of all()) {
        for (const { path, file } of [{ path: program.path, file: program.file }, ...libraries]) {
          const base = path.slice(path.lastIndexOf("/") + 1);
          if (LIBC.test(base) || except?.test(base)) continue;
          const strings = namesOf(file.path);
          const found = needles.find(({ bytes }) => strings.includes(bytes));
          if (found !== undefined) return `${shortName(path)} uses ${found.name}`;
        }
      }
      return undefined;
    },
    whoLoads: (pattern) => {
      for (const { program, libraries } of all()) {
        const found = libraries.find(({ name }) => pattern.test(name));
        if (found !== undefined) return `${shortName(program.path)} loads ${printable(found.name)}`;
      }
      return undefined;
    },
    whoContains: (marker) => {
      const found = list.find(({ markers }) => markers.has(marker));
      return found === undefined
        ? undefined
        : `${printable(shortName(bytesFromText(found.file)))} has their usual path in it`;
    },
    files: () =>
      new Map(
        all().flatMap(({ program, interpreter, libraries }) =>
          [program, ...libraries, ...(interpreter === undefined ? [] : [interpreter])].map(
            ({ file, elf }) => [file.path, elf] as const,
          ),
        ),
      ),
    libcFolders: () => [
      ...new Set(
        all().flatMap(({ libraries }) =>
          libraries
            .filter(({ name }) => name === "libc.so.6")
            .map(({ path }) => path.slice(0, path.lastIndexOf("/")) as ByteString),
        ),
      ),
    ],
  };
}

function shortName(path: ByteString): string {
  return printable(path.slice(path.lastIndexOf("/") + 1));
}

function missingLibraries(file: string, { program, libraries, missing }: Closure, root: SearchRoot): BaseKitError {
  const [first] = missing as readonly [Missing];
  const list = missing.map(({ kind, name, version, neededBy, passedOver }) => {
    const who = `needed by ${printable(neededBy)}`;
    if (kind === "version") return `${printable(name)} does not have the version ${printable(version ?? "")} ${who}`;
    const other = passedOver.length === 0 ? "" : `; ${printable(passedOver[0] ?? "")} is for another machine`;
    return `the ${kind} ${printable(name)} ${who}${other}`;
  });
  const where = root.name === "" ? "on this machine" : `in ${printable(root.name)}`;
  const what = first.kind === "version" ? list.join("; ") : `${list.join("; ")}: not found ${where}`;
  return new BaseKitError("SCRATCH_LIBRARY_MISSING", `the program ${printable(file)} could not start: ${what}`, {
    kind: "unsupported",
    hint: `${relativeHint([program, ...libraries], missing) ?? packagesHint(root, missing)} Nothing was written.`,
  });
}

/** A folder that depends on where the program is started may well be where the library was. */
function relativeHint(loaded: readonly Loaded[], missing: readonly Missing[]): string | undefined {
  const askers = loaded.filter(({ path }) =>
    missing.some(({ neededBy, kind }) => kind === "library" && neededBy === path),
  );
  for (const { path, elf } of askers) {
    const folder = (elf.dynamic?.runpath ?? elf.dynamic?.rpath)
      ?.split(":")
      .find((each) => !each.startsWith("/") && !each.startsWith("$"));
    if (folder !== undefined)
      return `${shortName(path)} looks for its libraries in ${printable(folder === "" ? "." : folder)}, which is relative to where it is started, so that nobody can say what it finds there: link it with -Wl,-rpath,'$ORIGIN/…' instead.`;
  }
  return undefined;
}
