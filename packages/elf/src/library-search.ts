import type { ByteString } from "@base-kit/core";
import { bytesFromBuffer, isBaseKitError } from "@base-kit/core";
import type { Elf } from "./elf.ts";
import { readElf } from "./elf.ts";
import { readLdSoCache } from "./ld-so-cache.ts";
import type { Resolved, SearchRoot } from "./search-root.ts";
import { readSmallFile, resolvePath } from "./search-root.ts";

/** A file that is loaded into a program's process. */
export interface Loaded {
  /** The path it was opened by: absolute, links and all. */
  readonly path: ByteString;
  /** The same in the image, where a program that is moved takes what lies beside it along. */
  readonly imagePath: ByteString;
  readonly file: Resolved;
  readonly elf: Elf;
}

/** How a library was found. */
export type FoundBy = "rpath" | "runpath" | "cache" | "default folder" | "path";

export interface Found {
  readonly path: ByteString;
  readonly imagePath: ByteString;
  readonly file: Resolved;
  readonly elf: Elf;
  readonly by: FoundBy;
}

/** Files that have the name but are for another machine, and so are passed over as ld.so does. */
export interface Search {
  find(
    name: ByteString,
    loader: readonly Loaded[],
  ): { readonly found?: Found; readonly passedOver: readonly ByteString[] };
}

/** Reads each file of a root once, however many programs need it. */
export interface ElfFiles {
  readonly root: SearchRoot;
  /** @throws BaseKitError `ELF_…` */
  read(file: Resolved): Elf;
}

/** The ELF files of a root, each read once. */
export function elfFiles(root: SearchRoot): ElfFiles {
  const known = new Map<ByteString, Elf>();
  return {
    root,
    read: ({ path }) => {
      let elf = known.get(path);
      if (elf === undefined) {
        elf = root.reading(path, (source) => readElf(source, `${root.name}${path}`));
        known.set(path, elf);
      }
      return elf;
    },
  };
}

/** A folder to look in; `image` differs where the program does not keep its place. */
interface Folder {
  readonly path: ByteString;
  readonly image: ByteString;
}

/** The search of one dynamic linker in one root: glibc's or musl's, whichever a program's interpreter is. */
export function searchFor(interpreter: Resolved, files: ElfFiles, machine: Elf): Search {
  const musl = [interpreter.asked, ...interpreter.links, interpreter.path]
    .map((path) => /\/ld-musl-([^/]+)\.so\.1$/.exec(path))
    .find((match) => match !== null);
  return musl === undefined ? glibcSearch(interpreter, files, machine) : muslSearch(musl[1] ?? "", interpreter, files);
}

/** Dynamic string tokens: ld.so(8). */
interface Tokens {
  readonly lib: string;
  readonly platform: string;
}

const PLATFORMS: ReadonlyMap<number, string> = new Map([
  [3, "i686"],
  [21, "ppc64le"],
  [22, "s390x"],
  [40, "v7l"],
  [62, "x86_64"],
  [183, "aarch64"],
  [243, "riscv64"],
  [258, "loongarch64"],
]);

/** glibc: elf/dl-load.c, `_dl_map_object`. The environment is not looked at, a container has another one. */
function glibcSearch(interpreter: Resolved, files: ElfFiles, machine: Elf): Search {
  const { root } = files;
  const { lib, isSystem, folders } = defaultsOf(interpreter);
  const tokens: Tokens = { lib, platform: PLATFORMS.get(machine.machine) ?? "" };
  const cache = isSystem ? cachedPaths(root) : new Map<ByteString, readonly ByteString[]>();
  const defaults = folders.map((path) => ({ path, image: path }));
  return {
    find: (name, chain) => {
      const passedOver: ByteString[] = [];
      const attempt = (folders: readonly Folder[], by: FoundBy) =>
        firstOf(folders, { name, by, files, machine, passedOver });
      const [loader] = chain;
      if (name.includes("/")) {
        const folder = loader === undefined ? undefined : expand(name, loader, tokens);
        return { ...open(folder, { by: "path", files, machine, passedOver }), passedOver };
      }
      let found: Found | undefined;
      // A file with a RUNPATH has no RPATH, and then nobody's RPATH counts for what it needs.
      if (loader?.elf.dynamic?.runpath === undefined) {
        for (const each of chain) {
          const { rpath, runpath } = each.elf.dynamic ?? {};
          if (rpath === undefined || runpath !== undefined) continue;
          found ??= attempt(foldersOf(rpath, each, tokens), "rpath");
        }
      } else {
        found = attempt(foldersOf(loader.elf.dynamic.runpath, loader, tokens), "runpath");
      }
      const only = loader?.elf.dynamic?.noDefaultFolders === true;
      if (found === undefined && !only) {
        for (const path of cache.get(name) ?? []) {
          found ??= open({ path, image: path }, { by: "cache", files, machine, passedOver }).found;
        }
        found ??= attempt(defaults, "default folder");
      }
      return { ...(found === undefined ? {} : { found }), passedOver };
    },
  };
}

/** The folders a linker of glibc searches without being told: they lie beside itself, as distributions build it. */
export function defaultFolders(interpreter: Resolved): readonly ByteString[] {
  return defaultsOf(interpreter).folders;
}

function defaultsOf(interpreter: Resolved) {
  const own = folderOf(interpreter.path);
  const [, lib = "lib"] = /^(?:\/usr)?\/(lib[^/]*(?:\/[^/]*-linux-[^/]*)?)$/.exec(own) ?? [];
  // A linker somewhere else, as in Nix, knows only its own folder and no cache.
  const isSystem = /^(?:\/usr)?\/lib/.test(own);
  const folders = isSystem ? [...new Set([`/${lib}`, `/usr/${lib}`, "/lib", "/usr/lib"])] : [own];
  return { lib, isSystem, folders: folders as readonly string[] as readonly ByteString[] };
}

/** Libraries for some processors only are left out: an image has to run on all, and each of them has a plain twin. */
function cachedPaths(root: SearchRoot): ReadonlyMap<ByteString, readonly ByteString[]> {
  const bytes = readSmallFile(root, "/etc/ld.so.cache" as ByteString);
  const paths = new Map<ByteString, ByteString[]>();
  for (const { name, path, hwcap } of (bytes === undefined ? undefined : readLdSoCache(bytes))?.entries ?? []) {
    if (hwcap !== 0n || !path.startsWith("/")) continue;
    const known = paths.get(name);
    if (known === undefined) paths.set(name, [path]);
    else known.push(path);
  }
  return paths;
}

/** musl: ldso/dynlink.c, `load_library`. RPATH and RUNPATH are one, those of whoever needed the file count too, no cache. */
function muslSearch(architecture: string, interpreter: Resolved, files: ElfFiles): Search {
  const { root } = files;
  const machine = files.read(interpreter);
  const listed = readSmallFile(root, `/etc/ld-musl-${architecture}.path` as ByteString, 1024 ** 2);
  const text = listed === undefined ? "/lib:/usr/local/lib:/usr/lib" : bytesFromBuffer(listed);
  const system = text
    .split(/[:\n]/)
    .filter((path) => path.startsWith("/"))
    .map((path) => ({ path: path as ByteString, image: path as ByteString }));
  const tokens: Tokens = { lib: "lib", platform: "" };
  return {
    find: (name, chain) => {
      const passedOver: ByteString[] = [];
      // The linker is the C library, whatever other names that goes by.
      if (/^lib(?:c|pthread|rt|m|dl|util|xnet)\./.test(name)) {
        const path = interpreter.asked;
        return { found: { path, imagePath: path, file: interpreter, elf: machine, by: "path" }, passedOver };
      }
      const options = { files, machine, passedOver };
      const [loader] = chain;
      if (name.includes("/")) {
        return {
          ...open(loader === undefined ? undefined : expand(name, loader, tokens), { ...options, by: "path" }),
          passedOver,
        };
      }
      let found: Found | undefined;
      for (const each of chain) {
        const { rpath, runpath } = each.elf.dynamic ?? {};
        const folders = runpath ?? rpath;
        if (folders !== undefined)
          found ??= firstOf(foldersOf(folders, each, tokens), { ...options, name, by: "runpath" });
      }
      found ??= firstOf(system, { ...options, name, by: "default folder" });
      return { ...(found === undefined ? {} : { found }), passedOver };
    },
  };
}

interface Attempt {
  readonly by: FoundBy;
  readonly files: ElfFiles;
  readonly machine: Elf;
  readonly passedOver: ByteString[];
}

function firstOf(folders: readonly Folder[], attempt: Attempt & { readonly name: ByteString }): Found | undefined {
  for (const { path, image } of folders) {
    const { found } = open({ path: below(path, attempt.name), image: below(image, attempt.name) }, attempt);
    if (found !== undefined) return found;
  }
  return undefined;
}

function open(folder: Folder | undefined, { by, files, machine, passedOver }: Attempt): { readonly found?: Found } {
  if (folder === undefined) return {};
  const file = resolvePath(files.root, folder.path);
  if (file?.node.type !== "file") return {};
  const elf = readCandidate(file, files);
  if (
    elf === undefined ||
    elf.machine !== machine.machine ||
    elf.class !== machine.class ||
    elf.byteOrder !== machine.byteOrder
  ) {
    passedOver.push(folder.path);
    return {};
  }
  return { found: { path: folder.path, imagePath: folder.image, file, elf, by } };
}

/** What is not ELF at all is passed over as a file for another machine is; a damaged library is an error, as for ld.so. */
function readCandidate(file: Resolved, files: ElfFiles): Elf | undefined {
  try {
    return files.read(file);
  } catch (error) {
    if (isBaseKitError(error) && error.code === "ELF_NOT_ELF") return undefined;
    throw error;
  }
}

/** The folders of an RPATH or RUNPATH. An empty one is the working directory, which a container does not share with us. */
function foldersOf(list: ByteString, loader: Loaded, tokens: Tokens): readonly Folder[] {
  return list
    .split(":")
    .map((each) => expand(each as ByteString, loader, tokens))
    .filter((folder) => folder !== undefined);
}

/** `undefined` for a path that is relative when all is said: it depends on where the program is started. */
function expand(
  text: ByteString,
  { path, imagePath }: Pick<Loaded, "path" | "imagePath">,
  { lib, platform }: Tokens,
): Folder | undefined {
  const replaced = (origin: string) =>
    text.replace(/\$(?:(ORIGIN|LIB|PLATFORM)(?![A-Za-z0-9_])|\{(ORIGIN|LIB|PLATFORM)\})/g, (_, plain, braced) => {
      const token = plain ?? braced;
      return token === "ORIGIN" ? origin : token === "LIB" ? lib : platform;
    }) as ByteString;
  const [real, image] = [replaced(folderOf(path)), replaced(folderOf(imagePath))];
  return real.startsWith("/") ? { path: real, image } : undefined;
}

function folderOf(path: ByteString): ByteString {
  return path.slice(0, Math.max(0, path.lastIndexOf("/"))) as ByteString;
}

function below(folder: ByteString, name: ByteString): ByteString {
  return `${folder.replace(/\/+$/, "")}/${name}` as ByteString;
}
