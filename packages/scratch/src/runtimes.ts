import { type ByteString, bytesFromText } from "@base-kit/core";
import { resolvePath, type SearchRoot } from "@base-kit/elf";
import type { ImageTree } from "./image-tree.ts";
import type { Closures } from "./needs.ts";

/** An interpreter that is more than its program: what else it needs, and the image that has all of it already. */
export interface RuntimeRule {
  readonly name: string;
  /** Of the interpreter's own file. */
  readonly program: RegExp;
  /** Files that it runs though they do not say so. */
  readonly scripts: RegExp;
  /** Arguments in front of such a file. */
  readonly flags: readonly string[];
  /** What is searched for on the PATH when only the file is named. */
  readonly command: string;
  /** The Docker Official Image; `version` as in the program's name, where it stands there. */
  image(version: string): string;
  /** Absent where the program is all there is. */
  add?(input: RuntimeInput): Promise<void>;
}

export interface RuntimeInput {
  readonly root: SearchRoot;
  readonly tree: ImageTree;
  readonly closures: Closures;
  /** The interpreter's own file. */
  readonly path: ByteString;
  readonly version: string;
}

export const RUNTIMES: readonly RuntimeRule[] = [
  {
    name: "Node.js",
    program: /\/node(?:js)?$/,
    scripts: /\.[cm]?js$/,
    flags: [],
    command: "node",
    image: () => "node:slim",
  },
  {
    name: "Python",
    program: /\/python(\d+\.\d+)$/,
    scripts: /\.py$/,
    flags: [],
    command: "python3",
    image: (version) => `python:${version}-slim`,
    add: async ({ path, version, closures, root }) => {
      const library = `${prefixOf(path)}/lib/python${version}`;
      // Tests, editors and what only builds extensions; caches would make the bytes depend on who started it before.
      const left =
        /(?:^|\/)(?:__pycache__|test|tests|idlelib|turtledemo|tkinter|lib2to3|ensurepip|config-[^/]*|dist-packages|site-packages)(?:\/|$)/;
      await takeIfThere(root, closures, library, (inside) => !left.test(inside));
    },
  },
  {
    name: "Perl",
    program: /\/perl(?:5\.[\d.]+)?$/,
    scripts: /\.pl$/,
    flags: [],
    command: "perl",
    image: () => "perl:slim",
    add: async ({ path, root, closures }) => {
      const prefix = prefixOf(path);
      const without = (inside: string) => !/\.(?:pod|h)$|(?:^|\/)(?:CORE|unicore\/lib\/.*\.txt)(?:\/|$)/.test(inside);
      for (const base of [
        `${prefix}/share/perl`,
        `${prefix}/lib/perl5`,
        `${prefix}/share/perl5/core_perl`,
        `${prefix}/lib/perl-base`,
      ])
        await takeIfThere(root, closures, base, without);
      for (const folder of foldersIn(root, `${prefix}/lib`).filter((name) => name.includes("-linux-"))) {
        for (const name of ["perl-base", "perl"])
          await takeIfThere(root, closures, `${prefix}/lib/${folder}/${name}`, without);
      }
    },
  },
  {
    name: "Ruby",
    program: /\/ruby(\d+\.\d+)?$/,
    scripts: /\.rb$/,
    flags: [],
    command: "ruby",
    image: (version) => `ruby:${version === "" ? "" : `${version}-`}slim`,
    add: async ({ path, root, closures }) => {
      const prefix = prefixOf(path);
      // Tests, and what people use who write programs; with what names them among the gems.
      const left =
        /(?:^|\/)(?:(?:test|spec|doc|rdoc|irb)(?:\/|$)|(?:rbs|typeprof|debug|test-unit|minitest|power_assert)-\d)/;
      await takeIfThere(root, closures, `${prefix}/lib/ruby`, (inside) => !left.test(inside));
      for (const folder of foldersIn(root, `${prefix}/lib`).filter((name) => name.includes("-linux-")))
        await takeIfThere(root, closures, `${prefix}/lib/${folder}/ruby`);
    },
  },
  {
    name: "Java",
    program: /\/bin\/java$/,
    scripts: /\.jar$/,
    flags: ["-jar"],
    command: "java",
    image: () => "eclipse-temurin",
    add: async ({ path, root, closures }) => {
      // Windows on a screen need X11, which is most of a distribution.
      const left =
        /(?:^|\/)(?:src\.zip|demo|man|jmods|legal|include|libawt_xawt\.so|libjawt\.so|libsplashscreen\.so)(?:\/|$)/;
      await takeIfThere(root, closures, prefixOf(path), (inside) => !left.test(inside));
    },
  },
];

/** `/usr` of `/usr/bin/python3.11`. */
function prefixOf(path: ByteString): string {
  return path.replace(/\/[^/]*\/[^/]*$/, "");
}

function foldersIn(root: SearchRoot, path: string): readonly string[] {
  const found = resolvePath(root, bytesFromText(path));
  return found === undefined ? [] : root.names(found.path);
}

async function takeIfThere(
  root: SearchRoot,
  closures: Closures,
  path: string,
  filter?: (inside: string) => boolean,
): Promise<void> {
  if (resolvePath(root, bytesFromText(path)) !== undefined) await closures.takePlugins(path, filter);
}

export function runtimeOf(path: ByteString): { readonly rule: RuntimeRule; readonly version: string } | undefined {
  for (const rule of RUNTIMES) {
    const match = rule.program.exec(path);
    if (match !== null) return { rule, version: match[1] ?? "" };
  }
  return undefined;
}

export function runtimeForScript(file: string): RuntimeRule | undefined {
  return RUNTIMES.find(({ scripts }) => scripts.test(file));
}
