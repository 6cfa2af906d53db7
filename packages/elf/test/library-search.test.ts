import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { bytesFromText } from "@base-kit/core";
import { type ElfBytesOptions, elfBytes } from "@base-kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { closureOf, directoryRoot, elfFiles, readLdSoConf, resolvePath, writeLdSoCache } from "../src/index.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "base-kit-search-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const LINKER = "/lib64/ld-linux-x86-64.so.2";
const MUSL = "/lib/ld-musl-x86_64.so.1";
const library = (options: ElfBytesOptions = {}) => elfBytes({ type: 3, ...options });
const program = (options: ElfBytesOptions = {}) => elfBytes({ type: 3, pie: true, interpreter: LINKER, ...options });

/** Files by path; a text that begins with `->` is a symbolic link. */
function system(files: Readonly<Record<string, Uint8Array | string>>) {
  for (const [path, content] of Object.entries({
    [LINKER.slice(1)]: library({ soname: "ld-linux-x86-64.so.2" }),
    ...files,
  })) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    if (typeof content === "string" && content.startsWith("->")) symlinkSync(content.slice(2), join(dir, path));
    else writeFileSync(join(dir, path), content);
  }
  return (path = "/app/bin/program", imagePath?: string) =>
    closureOf(elfFiles(directoryRoot(dir)))({
      path: bytesFromText(path),
      ...(imagePath === undefined ? {} : { imagePath: bytesFromText(imagePath) }),
    });
}

const paths = ({ libraries }: { readonly libraries: readonly { readonly path: string }[] }) =>
  libraries.map(({ path }) => path);

describe("glibc's order", () => {
  test("RPATH before the cache before the default folders", () => {
    const close = system({
      "app/bin/program": program({ needed: ["liba.so", "libb.so", "libc.so"], rpath: "/one:/two" }),
      "two/liba.so": library(),
      "usr/local/lib/liba.so": library(),
      "usr/local/lib/libb.so": library(),
      "lib64/libb.so": library(),
      "lib64/libc.so": library(),
      "etc/ld.so.cache": writeLdSoCache({
        entries: ["liba.so", "libb.so"].map((name) => ({
          flags: 0x303,
          hwcap: 0n,
          name: bytesFromText(name),
          path: bytesFromText(`/usr/local/lib/${name}`),
        })),
      }),
    });
    const closure = close();
    expect(closure.libraries.map(({ path, by }) => `${path} ${by}`)).toEqual([
      "/two/liba.so rpath",
      "/usr/local/lib/libb.so cache",
      "/lib64/libc.so default folder",
    ]);
    expect(closure.missing).toEqual([]);
  });

  test("an RPATH counts for what libraries need, a RUNPATH for its own file only", () => {
    const files = { "x/liba.so": library({ needed: ["libb.so"] }), "x/libb.so": library() };
    expect(paths(system({ ...files, "app/bin/program": program({ needed: ["liba.so"], rpath: "/x" }) })())).toEqual([
      "/x/liba.so",
      "/x/libb.so",
    ]);
    writeFileSync(join(dir, "app/bin/program"), program({ needed: ["liba.so"], runpath: "/x" }));
    const { missing } = closureOf(elfFiles(directoryRoot(dir)))({ path: bytesFromText("/app/bin/program") });
    expect(missing).toMatchObject([{ kind: "library", name: "libb.so", neededBy: "/x/liba.so" }]);
  });

  test("a RUNPATH makes the RPATH of the same file, and of those that loaded it, count for nothing", () => {
    const close = system({
      "app/bin/program": program({ needed: ["liba.so"], rpath: "/x" }),
      "x/liba.so": library({ needed: ["libb.so"], rpath: "/x", runpath: "/y" }),
      "x/libb.so": library(),
      "y/libb.so": library(),
    });
    expect(paths(close())).toEqual(["/x/liba.so", "/y/libb.so"]);
  });

  test("$ORIGIN is where the program's file is, not a link to it; braces and tokens that only begin alike", () => {
    const close = system({
      "app/bin/program": program({
        needed: ["liba.so", "libb.so"],
        runpath: ["$ORIGIN/../lib:$", "{ORIGIN}/$LIBRARY:$ORIGIN/$LIB/$PLATFORM"].join(""),
      }),
      "app/lib/liba.so": library(),
      "app/bin/lib64/x86_64/libb.so": library(),
      "usr/bin/program": "->../../app/bin/program",
    });
    expect(paths(close("/usr/bin/program"))).toEqual(["/app/bin/../lib/liba.so", "/app/bin/lib64/x86_64/libb.so"]);
    const moved = close("/app/bin/program", "/program").libraries.map(({ imagePath }) => imagePath);
    expect(moved).toEqual(["/../lib/liba.so", "/lib64/x86_64/libb.so"]);
  });

  test("files for another machine or class, and no ELF files, are passed over and remembered", () => {
    const close = system({
      "app/bin/program": program({ needed: ["liba.so", "libb.so"], runpath: "/arm:/x32:/text:/big:/good" }),
      "arm/liba.so": library({ machine: 183 }),
      "x32/liba.so": library({ class: 32 }),
      "text/liba.so": "INPUT(liba.so.1)",
      "big/liba.so": library({ byteOrder: "big" }),
      "good/liba.so": library(),
      "arm/libb.so": library({ machine: 183 }),
    });
    const closure = close();
    expect(paths(closure)).toEqual(["/good/liba.so"]);
    expect(closure.missing).toEqual([
      { kind: "library", name: "libb.so", neededBy: "/app/bin/program", passedOver: ["/arm/libb.so"] },
    ]);
  });

  test("circles end, one file under two names is loaded once, a library answers to its own name", () => {
    const close = system({
      "app/bin/program": program({ needed: ["liba.so", "alias.so", "libreal.so.1"] }),
      "lib64/liba.so": library({ needed: ["libb.so"], soname: "libreal.so.1" }),
      "lib64/libb.so": library({ needed: ["liba.so", "libb.so"] }),
      "lib64/alias.so": "->liba.so",
    });
    const { libraries } = close();
    expect(libraries.map(({ name, neededBy }) => [name, neededBy])).toEqual([
      ["liba.so", ["/app/bin/program", "/app/bin/program", "/app/bin/program", "/lib64/libb.so"]],
      ["libb.so", ["/lib64/liba.so", "/lib64/libb.so"]],
    ]);
  });

  test("a name with a slash is a path; a relative one, or an empty folder, depends on where it is started and is not followed", () => {
    const close = system({
      "app/bin/program": program({
        needed: ["/x/../x/liba.so", "$ORIGIN/libb.so", "./libc.so", "libd.so"],
        runpath: ":.",
      }),
      "x/liba.so": library(),
      "app/bin/libb.so": library(),
      "app/bin/libc.so": library(),
      "libd.so": library(),
    });
    const closure = close();
    expect(paths(closure)).toEqual(["/x/../x/liba.so", "/app/bin/libb.so"]);
    expect(closure.missing.map(({ name }) => name)).toEqual(["./libc.so", "libd.so"]);
  });

  test("links are followed inside the root; none leads out of it", () => {
    const close = system({
      "app/bin/program": program({ needed: ["liba.so", "libb.so", "libc.so"], runpath: "/x" }),
      "x/liba.so": "->/real/liba.so.1",
      "real/liba.so.1": "->../../../../../../real/liba.so.1.2",
      "real/liba.so.1.2": library(),
      "x/libb.so": `->${process.execPath}`,
      "x/libc.so": "->libc.so",
    });
    const closure = close();
    expect(closure.libraries[0]?.file).toMatchObject({
      path: "/real/liba.so.1.2",
      links: ["/x/liba.so", "/real/liba.so.1"],
    });
    expect(closure.missing.map(({ name }) => name)).toEqual(["libb.so", "libc.so"]);
  });

  test("a missing interpreter, and a static program", () => {
    const close = system({
      "app/bin/program": program({ interpreter: "/nix/ld.so", needed: ["liba.so"] }),
      static: elfBytes(),
    });
    expect(close().missing).toMatchObject([{ kind: "interpreter", name: "/nix/ld.so", neededBy: "/app/bin/program" }]);
    expect(close("/static")).toMatchObject({ libraries: [], missing: [] });
  });

  test("a damaged library is an error that names it", () => {
    const close = system({
      "app/bin/program": program({ needed: ["liba.so"] }),
      "lib64/liba.so": library({ needed: ["x"] }).subarray(0, 150),
    });
    expect(close).toThrow(
      expect.objectContaining({ code: "ELF_TRUNCATED", message: expect.stringContaining("/lib64/liba.so") }),
    );
  });

  test("a linker that is not the system's knows its own folder only", () => {
    const close = system({
      "nix/glibc/lib/ld-linux-x86-64.so.2": library(),
      "nix/glibc/lib/libc.so.6": library(),
      "usr/lib/liba.so": library(),
      "app/bin/program": program({
        interpreter: "/nix/glibc/lib/ld-linux-x86-64.so.2",
        needed: ["libc.so.6", "liba.so"],
      }),
    });
    expect(paths(close())).toEqual(["/nix/glibc/lib/libc.so.6"]);
  });
});

test("the cache of a system of the other byte order, and what it has for some processors only", () => {
  const s390x = { machine: 22, byteOrder: "big" } as const;
  const linker = "/lib/ld64.so.1";
  const known = (path: string, hwcap = 0n) => ({
    flags: 0x403,
    hwcap,
    name: bytesFromText("liba.so"),
    path: bytesFromText(path),
  });
  const close = system({
    [linker.slice(1)]: library({ soname: "ld64.so.1", ...s390x }),
    "app/bin/program": program({ interpreter: linker, needed: ["liba.so"], ...s390x }),
    "opt/lib/glibc-hwcaps/z15/liba.so": library(s390x),
    "opt/lib/liba.so": library(s390x),
    "opt/other/liba.so": library(),
    "etc/ld.so.cache": writeLdSoCache(
      {
        entries: [
          known("/opt/other/liba.so"),
          known("/opt/lib/glibc-hwcaps/z15/liba.so", (1n << 62n) + 1n),
          known("/opt/lib/liba.so"),
        ],
      },
      "big",
    ),
  });
  expect(close()).toMatchObject({ missing: [], libraries: [{ path: "/opt/lib/liba.so", by: "cache" }] });
});

describe("musl's order", () => {
  const linker = { "lib/ld-musl-x86_64.so.1": library({ soname: "libc.so" }) };

  test("the linker is libc; its list of folders; whoever needed a file lends its RUNPATH", () => {
    const close = system({
      ...linker,
      "etc/ld-musl-x86_64.path": "/one\n/two:/three",
      "app/bin/program": program({
        interpreter: MUSL,
        needed: ["libc.so", "libpthread.so.0", "liba.so"],
        runpath: "$ORIGIN/../lib",
      }),
      "app/lib/liba.so": library({ needed: ["libb.so", "libc.musl-x86_64.so.1"] }),
      "app/lib/libb.so": library({ needed: ["libz.so"] }),
      "three/libz.so": library(),
    });
    const closure = close();
    expect(paths(closure)).toEqual([MUSL, "/app/bin/../lib/liba.so", "/app/bin/../lib/libb.so", "/three/libz.so"]);
    expect(closure.missing).toEqual([]);
  });

  test("without a list: /lib, /usr/local/lib, /usr/lib; glibc's cache does not count", () => {
    const close = system({
      ...linker,
      "app/bin/program": program({ interpreter: MUSL, needed: ["liba.so", "libb.so"] }),
      "usr/lib/liba.so": library(),
      "opt/libb.so": library(),
      "etc/ld.so.cache": writeLdSoCache({
        entries: [{ flags: 0x303, hwcap: 0n, name: bytesFromText("libb.so"), path: bytesFromText("/opt/libb.so") }],
      }),
    });
    expect(paths(close())).toEqual(["/usr/lib/liba.so"]);
  });
});

test("ld.so.conf with comments, patterns, relative includes, and a circle", () => {
  system({
    "etc/ld.so.conf": "# all\ninclude ld.so.conf.d/*.conf\n/last/ # here\nrelative\ninclude /etc/ld.so.conf\n",
    "etc/ld.so.conf.d/b.conf": "/b=libc6\n/a\n",
    "etc/ld.so.conf.d/a.conf": "/a\n",
    "etc/ld.so.conf.d/.hidden.conf": "/hidden\n",
    "etc/ld.so.conf.d/c.txt": "/c\n",
  });
  expect(readLdSoConf(directoryRoot(dir))).toEqual(["/a", "/b", "/last"]);
});

test("a file that changes while it is looked at is an error", () => {
  system({ file: "one" });
  const root = directoryRoot(dir);
  const found = resolvePath(root, bytesFromText("/file"));
  const reading = () =>
    root.reading(found?.path ?? bytesFromText(""), () => writeFileSync(join(dir, "file"), "another"));
  expect(reading).toThrow(expect.objectContaining({ code: "ELF_CHANGED", kind: "failure" }));
});
