import { execFileSync, spawn, spawnSync } from "node:child_process";
import {
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { parseReference } from "@base-kit/core";
import { buildImage, hybridArchive } from "@base-kit/oci";
import { requires } from "@base-kit/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type ScratchOptions, type ScratchProgram, scratchRootfs } from "../src/index.ts";
import { type TestContext, testContext } from "./context.ts";

const NEEDED = [
  "docker",
  "gcc",
  "g++",
  "musl-gcc",
  "openssl",
  "curl",
  "git",
  "sqlite3",
  "perl",
  "psql",
  "busybox",
  "ruby",
  "java",
  "gosu",
] as const;

describe.skipIf(requires(...NEEDED).skip || process.arch !== "x64")("programs of this machine run in docker", () => {
  const image = `base-kit-test/real-programs-${process.pid}`;
  let context: TestContext;
  let made: string;
  beforeAll(() => {
    made = mkdtempSync(join(tmpdir(), "base-kit-real-"));
  });
  afterAll(() => rmSync(made, { recursive: true, force: true }));
  beforeEach(() => {
    context = testContext();
  });
  afterEach(() => {
    spawnSync("docker", ["rmi", "--force", image], { stdio: "ignore" });
    context.dispose();
  });

  async function load(programs: readonly ScratchProgram[], options: ScratchOptions = {}) {
    const rootfs = await scratchRootfs(programs, options, context);
    const built = await buildImage(rootfs, { created: 1_000_000_000, compression: "none" }, context);
    const archive = join(context.dir, "image.tar");
    await pipeline(hybridArchive([built], [parseReference(image)]), createWriteStream(archive));
    execFileSync("docker", ["load", "--quiet", "--input", archive], { stdio: ["ignore", "ignore", "pipe"] });
    return rootfs;
  }

  function run(args: readonly string[], options: readonly string[] = ["--network", "none"], input = ""): string {
    const { status, stdout, stderr } = spawnSync(
      "docker",
      ["run", "--rm", "--interactive", ...options, image, ...args],
      { encoding: "utf8", input },
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    return stdout;
  }

  function compiled(name: string, source: string, compiler: string, ...args: readonly string[]): string {
    const file = join(made, `${name}.${compiler === "g++" ? "cc" : "c"}`);
    writeFileSync(file, source);
    execFileSync(compiler, ["-o", join(made, name), file, ...args]);
    return join(made, name);
  }

  test("busybox, alone", async () => {
    const rootfs = await load(["/usr/bin/busybox", "/bin/busybox"].filter(existsSync).slice(0, 1));
    expect([...(rootfs.segments[0]?.entries() ?? [])].map(({ path }) => path)).toEqual(["busybox"]);
    expect(run(["/busybox", "echo", "hello"])).toBe("hello\n");
  });

  test("bash", async () => {
    await load(["/usr/bin/bash"]);
    expect(run(["/usr/bin/bash", "-c", "for i in 6; do echo $((i * 7)); done"])).toBe("42\n");
  });

  test("git", async () => {
    await load(["/usr/bin/git"], { with: ["/usr/share/git-core/templates"], runtime: { user: "nonroot" } });
    expect(run(["/usr/bin/git", "-C", "/tmp", "init", "-q"], ["--network", "none", "--tmpfs", "/tmp"])).toBe("");
  });

  test("sqlite3", async () => {
    await load(["/usr/bin/sqlite3"]);
    expect(run(["/usr/bin/sqlite3", ":memory:", "select 6 * 7"])).toBe("42\n");
  });

  test("psql, which looks its user up", async () => {
    // What is on the PATH is Debian's wrapper, a Perl script.
    const [version = ""] = readdirSync("/usr/lib/postgresql");
    const psql = `/usr/lib/postgresql/${version}/bin/psql`;
    const rootfs = await load([psql], { runtime: { user: "nonroot" } });
    expect(rootfs.report.additions.map(({ feature }) => feature)).toEqual(
      expect.arrayContaining(["nss", "accounts", "ca-certificates"]),
    );
    const { stderr } = spawnSync("docker", ["run", "--rm", "--network", "none", image, psql, "-h", "localhost"], {
      encoding: "utf8",
    });
    expect(stderr).toMatch(/connection to server at "localhost".*(?:refused|Cannot assign)/);
  });

  test("perl with modules", async () => {
    await load(["/usr/bin/perl"]);
    const script =
      "use strict; use POSIX qw(floor); use JSON::PP; use List::Util qw(sum); print encode_json([floor(2.5), sum(1..8)])";
    expect(run(["/usr/bin/perl", "-e", script])).toBe("[2,36]");
  });

  test("python3 with ssl and sqlite, as a user with a name", async () => {
    await load(["/usr/bin/python3"], { runtime: { user: "app", env: { TZ: "Europe/Berlin" } } });
    const script =
      "import ssl, sqlite3, pwd, os, time; c = sqlite3.connect(':memory:'); print(c.execute('select 42').fetchone()[0], len(ssl.create_default_context().get_ca_certs()) > 50, pwd.getpwuid(os.getuid()).pw_name, time.localtime(0).tm_hour)";
    expect(run(["/usr/bin/python3", "-c", script])).toBe("42 True app 1\n");
  });

  test("node, which comes along with a script alone", async () => {
    writeFileSync(
      join(made, "app.mjs"),
      'console.log(await (await fetch("data:text/plain,hello")).text(), process.argv.length);\n',
    );
    const rootfs = await load([join(made, "app.mjs")]);
    expect(rootfs.runtime.cmd).toEqual([expect.stringMatching(/\/node$/), "/app.mjs"]);
    expect(run([])).toBe("hello 2\n");
  });

  test("ruby, with a script that needs its libraries", async () => {
    writeFileSync(
      join(made, "app.rb"),
      'require "json"; require "openssl"; require "yaml"\nputs JSON.generate([OpenSSL::Digest::SHA256.hexdigest("x")[0, 4], YAML.load("a: 1"), __FILE__])\n',
    );
    const rootfs = await load([join(made, "app.rb")]);
    expect(rootfs.runtime.cmd).toEqual(["/usr/bin/ruby", "/app.rb"]);
    expect(run([])).toBe('["2d71",{"a":1},"/app.rb"]\n');
  });

  // Its only class prints a digest's name, a time zone, whether TLS has its certificates, and how many arguments there are.
  test("java, with an archive", async () => {
    const rootfs = await load([fileURLToPath(new URL("fixtures/hello.jar", import.meta.url))]);
    expect(rootfs.runtime.cmd).toEqual([expect.stringMatching(/\/java$/), "-jar", "/hello.jar"]);
    expect(context.events).toContainEqual(
      expect.objectContaining({ code: "SCRATCH_LARGE", message: expect.stringContaining("eclipse-temurin") }),
    );
    expect(context.events).not.toContainEqual(expect.objectContaining({ code: "SCRATCH_PLUGIN_LIBRARY" }));
    expect(run([])).toBe("java SHA-256 Europe/Berlin Default 0\n");
  });

  test("a program in Go that looks up users", async () => {
    const gosu = ["/usr/sbin/gosu", "/usr/bin/gosu"].filter(existsSync).slice(0, 1);
    await load(gosu, { with: ["accounts"], runtime: { cmd: ["/gosu", "nobody", "/gosu", "--version"] } });
    expect(run([])).toMatch(/^1\.\d+ \(go\d/);
  });

  test("programs that need a locale, character sets and terminals", async () => {
    const source = `
      #include <iconv.h>
      #include <langinfo.h>
      #include <locale.h>
      #include <stdio.h>
      int main(int count, char **names) {
        const char *name = setlocale(LC_ALL, "");
        printf("%s %s", name ? name : "none", nl_langinfo(CODESET));
        for (int at = 1; at < count; at++)
          if (iconv_open(names[at], "UTF-8") == (iconv_t)-1) printf(" no %s", names[at]);
      }`;
    const program = compiled("texts", source, "gcc");
    await load([program, "/usr/bin/tput"], { runtime: { env: { LC_ALL: "C.UTF-8" } } });
    const sets = ["LATIN1", "ISO-8859-2", "CP1252", "KOI8-R", "UTF-16", "SHIFT_JIS", "EUC-KR", "GBK", "BIG5"];
    expect(run(["/texts", ...sets])).toBe("C.UTF-8 UTF-8");
    expect(run(["/usr/bin/tput", "-T", "xterm-256color", "colors"])).toBe("256\n");
    expect(run(["/usr/bin/tput", "-T", "linux", "colors"])).toBe("8\n");
  });

  test("a shell script, with its interpreter, which env finds", async () => {
    writeFileSync(join(made, "script"), "#!/usr/bin/env -S -u HOME NAME='a  b' sh -e\necho script $0 \"$NAME\"\n");
    await load([join(made, "script")]);
    expect(run([])).toBe("script /script a  b\n");
  });

  test("an interpreter that is named by a link brings its library along", async () => {
    symlinkSync("/usr/bin/python3", join(made, "py"));
    const { segments } = await scratchRootfs([join(made, "py")], {}, context);
    const paths = [...(segments[0]?.entries() ?? [])].map(({ path }) => `/${path}`);
    expect(paths).toEqual(
      expect.arrayContaining([join(made, "py"), expect.stringMatching(/^\/usr\/lib\/python3\.\d+\/os\.py$/)]),
    );
  });

  test("a C++ program", async () => {
    await load([
      compiled(
        "cpp",
        '#include <iostream>\n#include <stdexcept>\nint main() { try { throw std::runtime_error("c++"); } catch (const std::exception& e) { std::cout << e.what() << std::endl; } }\n',
        "g++",
      ),
    ]);
    expect(run([])).toBe("c++\n");
  });

  test("a program for musl", async () => {
    const rootfs = await load([
      compiled("musl", '#include <stdio.h>\nint main(void) { puts("musl"); return 0; }\n', "musl-gcc"),
    ]);
    expect(rootfs.report.programs[0]?.libraries.map(({ name }) => name)).toEqual(["libc.so"]);
    expect(run([])).toBe("musl\n");
  });

  test("a program with a library beside it, by $ORIGIN", async () => {
    mkdirSync(join(made, "plugins"));
    const library = compiled(
      "plugins/libgreet.so.1",
      '#include <stdio.h>\nvoid greet(void) { puts("beside"); }\n',
      "gcc",
      "-shared",
      "-fPIC",
      "-Wl,-soname,libgreet.so.1",
    );
    const program = compiled(
      "greeter",
      "void greet(void);\nint main(void) { greet(); return 0; }\n",
      "gcc",
      library,
      "-Wl,--enable-new-dtags,-rpath,$ORIGIN/plugins",
    );
    const rootfs = await load([program]);
    expect([...(rootfs.segments[0]?.entries() ?? [])].map(({ path }) => path)).toContain("plugins/libgreet.so.1");
    expect(run([])).toBe("beside\n");
  });

  test("curl and openssl speak to a server whose CA is given", async () => {
    const openssl = (...args: readonly string[]) => execFileSync("openssl", args, { cwd: made, stdio: "ignore" });
    openssl(
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-keyout",
      "ca.key",
      "-out",
      "ca.pem",
      "-subj",
      "/CN=test CA",
      "-days",
      "2",
    );
    writeFileSync(join(made, "ext"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
    openssl(
      "req",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-keyout",
      "server.key",
      "-out",
      "server.csr",
      "-subj",
      "/CN=localhost",
    );
    openssl(
      "x509",
      "-req",
      "-in",
      "server.csr",
      "-CA",
      "ca.pem",
      "-CAkey",
      "ca.key",
      "-CAcreateserial",
      "-out",
      "server.pem",
      "-extfile",
      "ext",
      "-days",
      "2",
    );
    const server = spawn(process.execPath, ["--eval", SERVER, made], { stdio: ["ignore", "pipe", "inherit"] });
    try {
      const port = await new Promise<string>((resolve) =>
        server.stdout.once("data", (chunk) => resolve(String(chunk).trim())),
      );
      await load(["/usr/bin/curl", "/usr/bin/openssl"], { caCertificates: { file: join(made, "ca.pem") } });
      expect(
        run(["/usr/bin/curl", "--silent", "--show-error", `https://localhost:${port}/`], ["--network", "host"]),
      ).toBe("hello over TLS");
      const { stdout } = spawnSync(
        "docker",
        [
          "run",
          "--rm",
          "--interactive",
          "--network",
          "host",
          image,
          "/usr/bin/openssl",
          "s_client",
          "-connect",
          `localhost:${port}`,
          "-verify_return_error",
        ],
        { encoding: "utf8", input: "" },
      );
      expect(stdout).toContain("Verify return code: 0 (ok)");
    } finally {
      server.kill();
    }
  });
});

const SERVER = `
const { readFileSync } = require("node:fs"); const [dir] = process.argv.slice(1);
const tls = { key: readFileSync(dir + "/server.key"), cert: readFileSync(dir + "/server.pem") };
const server = require("node:https").createServer(tls, (_, answer) => answer.end("hello over TLS"));
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
`;
