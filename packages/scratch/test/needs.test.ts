import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { directoryRoot } from "@base-kit/elf";
import { elfBytes, readContent } from "@base-kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ScratchOptions, type ScratchProgram, scratchRootfs } from "../src/index.ts";
import { type TestContext, testContext } from "./context.ts";

let context: TestContext;
beforeEach(() => {
  context = testContext();
});
afterEach(() => context.dispose());

const LINKER = "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2";
const program = (needed: readonly string[] = ["libc.so.6"], runpath?: string) =>
  elfBytes({
    type: 3,
    pie: true,
    interpreter: "/lib64/ld-linux-x86-64.so.2",
    needed,
    ...(runpath === undefined ? {} : { runpath }),
  });
const library = (needed: readonly string[] = [], soname?: string) =>
  elfBytes({ type: 3, needed, ...(soname === undefined ? {} : { soname }) });

/** A Debian-like system with merged folders. */
function system(files: Readonly<Record<string, Uint8Array | string>> = {}) {
  const root = join(context.dir, "root");
  const all: Readonly<Record<string, Uint8Array | string>> = {
    lib: "->usr/lib",
    lib64: "->usr/lib64",
    bin: "->usr/bin",
    [LINKER]: library([], "ld-linux-x86-64.so.2"),
    "usr/lib64/ld-linux-x86-64.so.2": "->../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
    "usr/lib/x86_64-linux-gnu/libc.so.6": library(["ld-linux-x86-64.so.2"], "libc.so.6"),
    ...files,
  };
  for (const [path, content] of Object.entries(all)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    if (typeof content === "string" && content.startsWith("->")) symlinkSync(content.slice(2), join(root, path));
    else writeFileSync(join(root, path), content, { mode: 0o755 });
  }
  return directoryRoot(root);
}

async function make(programs: readonly ScratchProgram[], options: ScratchOptions) {
  const rootfs = await scratchRootfs(programs, options, context);
  const entries = [...(rootfs.segments[0]?.entries() ?? [])];
  const shown = entries
    .filter(({ type }) => type !== "directory")
    .map((entry) => (entry.type === "symlink" ? `${entry.path} -> ${entry.target}` : entry.path));
  return { ...rootfs, entries, shown };
}

async function textAt(entries: Awaited<ReturnType<typeof make>>["entries"], path: string): Promise<string> {
  const entry = entries.find((each) => each.path === path);
  return entry?.type === "file" ? (await readContent(entry.content())).toString() : "";
}

describe("what comes along", () => {
  test("links of merged folders and of library names stay what they are; the program stays where it is", async () => {
    const root = system({
      "usr/bin/tool": program(["libx.so.1", "libc.so.6"]),
      "usr/lib/x86_64-linux-gnu/libx.so.1": "->libx.so.1.2",
      "usr/lib/x86_64-linux-gnu/libx.so.1.2": library(["libc.so.6"], "libx.so.1"),
    });
    const { shown, runtime } = await make(["/bin/tool"], { root });
    expect(runtime.cmd).toEqual(["/bin/tool"]);
    expect(shown).toEqual([
      "bin -> usr/bin",
      "lib -> usr/lib",
      "lib64 -> usr/lib64",
      "usr/bin/tool",
      "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
      "usr/lib/x86_64-linux-gnu/libc.so.6",
      "usr/lib/x86_64-linux-gnu/libx.so.1 -> libx.so.1.2",
      "usr/lib/x86_64-linux-gnu/libx.so.1.2",
      "usr/lib64/ld-linux-x86-64.so.2 -> ../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
    ]);
  });

  test("two programs that need different files of one name each have theirs", async () => {
    const root = system({
      "opt/a/tool": program(["libx.so"], "$ORIGIN/lib"),
      "opt/a/lib/libx.so": library(),
      "opt/b/tool": program(["libx.so"], "$ORIGIN/lib"),
      "opt/b/lib/libx.so": library(["libc.so.6"]),
    });
    const { shown } = await make(["/opt/a/tool", "/opt/b/tool"], { root });
    expect(shown).toEqual(expect.arrayContaining(["opt/a/lib/libx.so", "opt/b/lib/libx.so"]));
    const beside = ["a", "b"].map((name) => ({ file: `/opt/${name}/tool`, path: `/${name}` }));
    await expect(make(beside, { root })).rejects.toMatchObject({
      code: "SCRATCH_PATH_TAKEN",
      message:
        "two different files cannot both be at /lib/libx.so in the image: /opt/a/lib/libx.so and /opt/b/lib/libx.so",
    });
  });

  test("the cache only for a library in a folder that is not searched without it", async () => {
    const root = system({ "usr/bin/tool": program(), "opt/lib/libx.so": library() });
    const { report } = await make(["/usr/bin/tool"], { root });
    expect(report.additions).toEqual([]);
  });

  test("which package each library is of", async () => {
    const root = system({
      "usr/bin/tool": program(),
      "var/lib/dpkg/status":
        "Package: libc6\nStatus: install ok installed\nVersion: 2.36-9\nArchitecture: amd64\n\nPackage: other\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n",
      "var/lib/dpkg/info/libc6:amd64.list": "/.\n/lib/x86_64-linux-gnu/libc.so.6\n",
    });
    const { packages, report } = await make(["/usr/bin/tool"], { root });
    expect(packages).toEqual([{ name: "libc6", version: "2.36-9", architecture: "amd64" }]);
    expect(report.programs[0]?.libraries[0]).toMatchObject({
      name: "libc.so.6",
      package: "libc6:amd64",
      neededBy: ["/usr/bin/tool"],
    });
  });
});

describe("accounts", () => {
  test.each([
    [
      "app",
      /^root:x:0:0:.*\napp:x:65532:65532:.*\nnobody:x:65534:65534:/,
      /^root:x:0:\napp:x:65532:\nnogroup:x:65534:\n$/,
    ],
    ["app:1000", /\napp:x:65532:1000:/, /\napp:x:1000:/],
    ["known:staff", /\nknown:x:1001:1002:/, /\nstaff:x:50:/],
  ])("for the user %s", async (user, passwd, group) => {
    const root = system({
      hello: elfBytes(),
      "etc/passwd": "known:x:1001:1002::/home/known:/bin/sh\n",
      "etc/group": "staff:x:50:\n",
    });
    const { entries, report } = await make(["/hello"], { root, runtime: { user } });
    expect(await textAt(entries, "etc/passwd")).toMatch(passwd);
    expect(await textAt(entries, "etc/group")).toMatch(group);
    expect(report.additions).toMatchObject([{ feature: "accounts", evidence: `the user ${user}` }]);
  });

  test("are not there for numbers, nor when left out", async () => {
    const root = system({ hello: elfBytes() });
    expect((await make(["/hello"], { root, runtime: { user: "7:7" } })).shown).toEqual(["hello"]);
    expect((await make(["/hello"], { root, runtime: { user: "app" }, without: ["accounts"] })).shown).toEqual([
      "hello",
    ]);
  });
});

describe("certificates", () => {
  // One that openssl made for this test, good for ten years.
  const PEM = readFileSync(new URL("./fixtures/ca.pem", import.meta.url), "utf8");
  const withPem = (text: string) => {
    const file = join(context.dir, "ca.pem");
    writeFileSync(file, text);
    return { root: system({ hello: elfBytes() }), caCertificates: { file } };
  };

  test("of a file: all are read, text between them goes, what has expired is told", async () => {
    context = { ...context, clock: { now: () => 4_000_000_000, monotonicMs: () => 0 } };
    const { entries, shown } = await make(["/hello"], withPem(`# my CA\r\n${PEM.replaceAll("\n", "\r\n")}`));
    expect(shown).toEqual([
      "hello",
      "etc/ssl/cert.pem -> certs/ca-certificates.crt",
      "etc/ssl/certs/ca-certificates.crt",
    ]);
    expect(await textAt(entries, "etc/ssl/certs/ca-certificates.crt")).toBe(PEM);
    expect(context.events).toContainEqual({
      type: "warned",
      code: "SCRATCH_CA_EXPIRED",
      message: 'a CA certificate has expired: "CN=test CA"',
    });
  });

  test.each([
    [
      "a private key",
      (pem: string) => `${pem}-----BEGIN EC PRIVATE KEY-----\nAA==\n-----END EC PRIVATE KEY-----\n`,
      "SCRATCH_CA_PRIVATE_KEY",
      /holds a private key/,
    ],
    ["nothing", () => "", "SCRATCH_CA_INVALID", /holds no certificate/],
    [
      "something else",
      (pem: string) => `${pem}-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n`,
      "SCRATCH_CA_INVALID",
      /part 2 is a "PUBLIC KEY"/,
    ],
    [
      "a damaged one",
      (pem: string) => pem.replace(/\n[A-Za-z0-9+/]{10}/, "\nAAAAAAAAAA"),
      "SCRATCH_CA_INVALID",
      /certificate 1 is damaged/,
    ],
    ["half of one", (pem: string) => pem + pem.slice(0, 200), "SCRATCH_CA_INVALID", /has no end/],
  ])("a file with %s is refused", async (_, change, code, message) => {
    await expect(make(["/hello"], withPem(change(PEM)))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  test("also under their hashes, where a program looks for them in a folder", async () => {
    const reader = program(["libssl.so.3", "SSL_CTX_load_verify_locations"]);
    const files = {
      "usr/bin/reader": reader,
      "usr/lib/libssl.so.3": library(),
      "usr/lib/SSL_CTX_load_verify_locations": library(),
      "etc/ssl/certs/ca-certificates.crt": `${PEM}${PEM}`,
    };
    const { entries, shown } = await make(["/usr/bin/reader"], { root: system(files) });
    expect(shown).toContain("etc/ssl/certs/3387b84d.0");
    expect(shown).not.toContain("etc/ssl/certs/3387b84d.1");
    expect(await textAt(entries, "etc/ssl/certs/3387b84d.0")).toBe(PEM);
    expect(await textAt(entries, "etc/ssl/certs/ca-certificates.crt")).toBe(PEM + PEM);
  });

  test("that a root does not have: a warning where TLS is used, an error when they were asked for", async () => {
    const root = system({ "usr/bin/tool": program(["libssl.so.3"]), "usr/lib/libssl.so.3": library() });
    await make(["/usr/bin/tool"], { root });
    expect(context.events).toContainEqual(expect.objectContaining({ code: "SCRATCH_NO_CA" }));
    await expect(make(["/usr/bin/tool"], { root, caCertificates: "system" })).rejects.toMatchObject({
      code: "SCRATCH_NO_CA",
    });
    expect((await make(["/usr/bin/tool"], { root, caCertificates: "none" })).report.additions).toEqual([]);
  });
});

describe("folders that are asked for", () => {
  test("come with what their links lead to, and circles end", async () => {
    const root = system({
      hello: elfBytes(),
      "srv/data/a": "1",
      "srv/data/self": "->.",
      "srv/data/up": "->../../srv",
      "srv/data/all": "->/",
      "srv/data/far": "->/opt/far/file",
      "opt/far/file": "2",
    });
    const { shown } = await make(["/hello"], { root, with: ["/srv/data"] });
    expect(shown).toEqual([
      "hello",
      "opt/far/file",
      "srv/data/a",
      "srv/data/all -> /",
      "srv/data/far -> /opt/far/file",
      "srv/data/self -> .",
      "srv/data/up -> ../../srv",
    ]);
  });

  test("count more than what would be made up in their place", async () => {
    const root = system({ hello: elfBytes(), "etc/passwd": "mine:x:1:1::/:/bin/sh\n" });
    const { entries } = await make(["/hello"], { root, with: ["/etc/passwd", "accounts"] });
    expect(await textAt(entries, "etc/passwd")).toBe("mine:x:1:1::/:/bin/sh\n");
  });

  test.each([
    ["that are not there", "/none", /does not exist/],
    ["that an engine fills", "/proc/self", /the engine fills that folder/],
    ["that lead to such a place", "/null", /the engine fills that folder/],
    ["that nothing can be read from", "/srv/pipe", /is a device, a socket or a named pipe/],
  ] as const)("%s are an error", async (_, path, message) => {
    const root = system({ hello: elfBytes(), "proc/self": "x", "dev/null": "x", null: "->dev/null" });
    const node = (at: Parameters<typeof root.node>[0]) =>
      at === "/srv/pipe" ? ({ type: "other", size: 0, mode: 0o644, mtime: 0 } as const) : root.node(at);
    mkdirSync(join(root.name, "srv"));
    await expect(make(["/hello"], { root: { ...root, node }, with: [path] })).rejects.toMatchObject({
      code: "SCRATCH_WITH",
      kind: "usage",
      message: expect.stringMatching(message),
    });
  });

  test("are left in the middle when the work is stopped", async () => {
    const stop = new AbortController();
    context.dispose();
    let now = 0;
    context = { ...testContext({ signal: stop.signal }), clock: { now: () => 0, monotonicMs: () => (now += 100) } };
    const files = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`srv/${index}`, `${index}`]));
    const root = system({ hello: elfBytes(), ...files });
    let read = 0;
    const counting: typeof root.reading = (path, work) => {
      read++;
      // As a signal comes: between two turns of the event loop.
      if (path.startsWith("/srv/")) setImmediate(() => stop.abort());
      return root.reading(path, work);
    };
    const made = make(["/hello"], { root: { ...root, reading: counting }, with: ["/srv"] });
    await expect(made).rejects.toMatchObject({ name: "AbortError" });
    expect(read).toBeLessThan(10);
  });
});

describe("locales", () => {
  const files = {
    "usr/bin/tool": program(),
    "usr/lib/locale/C.utf8/LC_CTYPE": "c",
    "usr/lib/locale/de_DE.utf8/LC_CTYPE": "de",
    "usr/lib/locale/sr_RS@latin/LC_CTYPE": "sr",
    "usr/lib/locale/locale-archive": "all",
  };
  test.each([
    ["C", []],
    ["C.UTF-8", ["usr/lib/locale/C.utf8/LC_CTYPE"]],
    ["de_DE.UTF-8", ["usr/lib/locale/de_DE.utf8/LC_CTYPE"]],
    ["de_DE.utf8", ["usr/lib/locale/de_DE.utf8/LC_CTYPE"]],
    ["sr_RS@latin", ["usr/lib/locale/sr_RS@latin/LC_CTYPE"]],
    ["fr_FR.UTF-8", ["usr/lib/locale/locale-archive"]],
    ["../../../etc", []],
  ])("%s", async (locale, expected) => {
    const { shown } = await make(["/usr/bin/tool"], { root: system(files), runtime: { env: { LC_ALL: locale } } });
    expect(shown.filter((path) => path.includes("locale"))).toEqual(expected);
  });

  test("that a system does not have are told", async () => {
    const root = system({ "usr/bin/tool": program() });
    await make(["/usr/bin/tool"], { root, runtime: { env: { LANG: "fr_FR.UTF-8" } } });
    expect(context.events).toContainEqual(
      expect.objectContaining({
        code: "SCRATCH_NO_LOCALE",
        message: expect.stringMatching(/LANG names .* fr_FR\.UTF-8/),
      }),
    );
  });
});
