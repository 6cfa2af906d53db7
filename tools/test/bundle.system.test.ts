import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { text } from "node:stream/consumers";
import { setImmediate } from "node:timers/promises";
import { rootCertificates } from "node:tls";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { thirdPartyLicences } from "../bundle/licences.mjs";

const CLI = join(import.meta.dirname, "../../packages/cli");

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "base-kit-bundle-"));
});

afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

describe("the bundled command line", () => {
  beforeEach(() => {
    for (const name of ["bin", "bundle", "package.json"])
      cpSync(join(CLI, name), join(root, name), { recursive: true });
  });

  it.each<readonly [string, readonly string[], string | RegExp]>([
    ["its version", ["--version"], /^\d+\.\d+\.\d+\n$/],
    ["options by zod", ["producers", "alpine", "--json"], '"minirootfs"'],
    [
      "HTTP by undici",
      ["build", "alpine:3.20", "--mirror", "http://HOST/", "-o", "oci:image"],
      "ALPINE_RELEASE_UNKNOWN",
    ],
    ["an engine by dockerode", ["inspect", "docker-daemon:x", "--importer", "engine-api"], "/none.sock"],
    ["certificates of a registry", ["inspect", "HOST/x"], "REGISTRY_NOT_FOUND"],
    ["threads", ["import", "tree", "x", "-o", "oci:image", "--compressor", "portable"], "image oci:image"],
  ])("needs no other module for %s", async (_, args, expected) => {
    mkdirSync(join(root, "tree"));
    writeFileSync(join(root, "tree/file"), "x".repeat(3 * 1024 * 1024));
    await using mirror = createServer((_request, response) => response.writeHead(404).end()).listen(0, "127.0.0.1");
    await once(mirror, "listening");
    const host = `127.0.0.1:${(mirror.address() as AddressInfo).port}`;
    mkdirSync(join(root, ".config/docker/certs.d", host), { recursive: true });
    writeFileSync(join(root, ".config/docker/certs.d", host, "ca.crt"), rootCertificates[0] as string);
    const said = await run(args.map((word) => word.replace("HOST", host)));
    expect(said).toMatch(expected);
    expect(said).not.toMatch(/cannot find|is not a function|is not defined|MODULE_NOT_FOUND/i);
  });

  it("loads little for the help, and dockerode for nothing but an engine", async () => {
    const help = await loadedFor("--help");
    expect(help.map(({ name }) => name)).toContain("main.js");
    expect(help.reduce((sum, { code }) => sum + code.length, 0)).toBeLessThan(200_000);
    const dockerode = readdirSync(join(root, "bundle")).filter((name) =>
      readFileSync(join(root, "bundle", name), "utf8").includes("Docker.prototype."),
    );
    expect(dockerode).toHaveLength(1);
    mkdirSync(join(root, "tree"));
    for (const args of [["doctor"], ["import", "tree", "-o", "tar:x.tar"]]) {
      expect((await loadedFor(...args)).map(({ name }) => name)).not.toContain(dockerode[0]);
    }
  });

  /** The files of the bundle that V8 has seen. */
  async function loadedFor(...args: readonly string[]) {
    const folder = mkdtempSync(join(root, "coverage-"));
    await run(args, { NODE_V8_COVERAGE: folder });
    const seen: readonly { readonly url: string }[] = readdirSync(folder).flatMap(
      (name) => JSON.parse(readFileSync(join(folder, name), "utf8")).result,
    );
    const paths = seen.filter(({ url }) => url.includes("/bundle/")).map(({ url }) => fileURLToPath(url));
    return paths.map((path) => ({ name: basename(path), code: readFileSync(path, "utf8") }));
  }

  /** What it says to both outputs. */
  async function run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
    const child = spawn(process.execPath, [join(root, "bin/base-kit.js"), ...args], {
      cwd: root,
      env: { PATH: process.env["PATH"], HOME: root, TMPDIR: root, DOCKER_HOST: "unix:///none.sock", ...env },
    });
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    return stdout + stderr;
  }

  it("is never seen half, while it is made anew", async () => {
    const before = readFileSync(join(CLI, "bundle/main.js"), "latin1");
    const bundling = spawn(process.execPath, [join(CLI, "../../tools/bundle/bundle.mjs")], { stdio: "inherit" });
    let ended = false;
    const code = once(bundling, "close").finally(() => {
      ended = true;
    });
    const others = new Set<string>();
    while (!ended) {
      const seen = readFileSync(join(CLI, "bundle/main.js"), "latin1");
      if (seen !== before) others.add(seen);
      await setImmediate();
    }
    expect(await code).toEqual([0, null]);
    expect([...others]).toEqual([]);
  });

  it("asks Node for what it has by require alone, because a script of node:vm cannot import", () => {
    const all = readdirSync(join(CLI, "bundle")).filter((name) => name.endsWith(".js"));
    const importing = all.filter((name) => readFileSync(join(CLI, "bundle", name), "utf8").includes('import("node:'));
    expect(importing).toEqual([]);
  });

  it("hands on the licences of what it contains, and nothing of other runs", () => {
    const notices = readFileSync(join(CLI, "bundle/THIRD-PARTY-LICENSES.txt"), "utf8");
    for (const library of ["commander", "dockerode", "execa", "undici", "zod"]) {
      expect(notices).toMatch(new RegExp(`^${library} \\d`, "m"));
    }
    expect(notices).not.toMatch(/^(?:ssh2|protobufjs|@grpc\/grpc-js) \d/m);
    const code = readdirSync(join(CLI, "bundle")).filter((name) => name.endsWith(".js"));
    const named = code.flatMap((name) => [
      ...readFileSync(join(CLI, "bundle", name), "utf8").matchAll(/require\("\.\/([^"]+\.js)"\)/g),
    ]);
    const reached = new Set(["main.js", "start.js", ...named.map(([, name]) => name ?? "")]);
    expect(code.filter((name) => !reached.has(name) && name !== "deflate-worker.js")).toEqual([]);
  });
});

it("licences stand once for each library, in the order of names", () => {
  for (const [name, licence] of [
    ["b", "text of b"],
    ["@scope/a", "text of a"],
  ] as const) {
    const folder = join(root, "node_modules", name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), JSON.stringify({ name, version: "1.0.0", license: "MIT" }));
    writeFileSync(join(folder, "LICENSE.md"), `${licence}\n`);
  }
  const module = (path: string) => join(root, "node_modules", path);
  expect(
    thirdPartyLicences([
      module("b/one.js"),
      "/src/own.js",
      module("@scope/a/lib/x.js"),
      module("b/two.js"),
      "\0virtual",
    ]),
  ).toBe(`@scope/a 1.0.0 (MIT)\n\ntext of a\n\n${"-".repeat(80)}\n\nb 1.0.0 (MIT)\n\ntext of b\n`);
});
