import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { newApkKey, requires, startMirror, writeApkRepository } from "@base-kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { LockResult } from "../src/commands/lock.ts";
import { ALPINE_ARCHITECTURE, type AlpineMirror, copyAlpineMirror, FOREIGN } from "./alpine-mirror.ts";
import { createSandbox, type Sandbox, WITHOUT_CAPABILITIES } from "./run-cli.ts";

interface ImageJson {
  readonly id: string;
}

let sandbox: Sandbox;
let mirror: AlpineMirror;
beforeEach(async () => {
  sandbox = createSandbox();
  if (!requires("alpine-mirror").skip) mirror = await copyAlpineMirror(sandbox.work("mirror"));
});
afterEach(async () => {
  const left = await sandbox.leftovers();
  sandbox.dispose();
  expect(left).toEqual([]);
});

const spec = ["alpine:3.20", "--mirror", "mirror"] as const;
const build = (...args: readonly string[]) => sandbox.run(["build", ...spec, "-o", "oci:images:x", ...args]);
const built = (...args: readonly string[]) =>
  sandbox.json<ImageJson>(["build", ...spec, "-o", "oci:images:x", ...args]);
const lockText = (file = "base-kit.lock") => readFileSync(sandbox.work(file), "utf8");

/** The copied mirror over HTTP. */
function serveMirror() {
  return startMirror(({ url = "" }, response) => {
    const path = sandbox.work(`mirror${url}`);
    if (existsSync(path)) response.end(readFileSync(path));
    else response.writeHead(404).end();
  });
}

describe.skipIf(requires("alpine-mirror").skip)("a lock file", () => {
  test("fixes the inputs: the mirror's newer list is not looked at, and what is in the lock is not resolved", async () => {
    const { id } = await built("--lockfile");
    const first = lockText();
    expect(first).toContain(`"config": "${id}"`);
    // A mirror that has moved on.
    writeFileSync(sandbox.work(`mirror/${mirror.index}`), "not even a list");
    expect(await build()).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("using base-kit.lock") });
    for (const flags of [["--lockfile"], ["--frozen-lockfile"], ["--lockfile", "base-kit.lock", "--frozen-lockfile"]]) {
      expect((await built(...flags)).id).toBe(id);
    }
    expect(lockText()).toBe(first);
    const without = await sandbox.run(["build", ...spec, "-o", "oci:images:y", "--lockfile", "other.lock"]);
    expect(without).toMatchObject({ exitCode: 3 });
    expect(readdirSync(sandbox.work("."))).not.toContain("other.lock");
  });

  test("made by lock is the one that a build would make, and nothing is built", async () => {
    const result = await sandbox.json<LockResult>(["lock", ...spec]);
    expect(result).toMatchObject({ file: "base-kit.lock", changed: true, platforms: [{ inputs: 2 }] });
    expect(readdirSync(sandbox.work("."))).not.toContain("images");
    const inputs = /"inputs": \[.*?\n {6}\]/s;
    await built("--lockfile", "built.lock");
    expect(inputs.exec(lockText("built.lock"))?.[0]).toBe(inputs.exec(lockText())?.[0]);
    expect(await sandbox.json(["lock", ...spec])).toMatchObject({ changed: false });
  });

  test("holds several architectures, and gets a missing one unless it is frozen", async () => {
    await copyAlpineMirror(sandbox.work("mirror"), FOREIGN.alpine);
    await built("--lockfile");
    const foreign = ["--arch", FOREIGN.docker];
    expect(await build(...foreign, "--frozen-lockfile")).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("LOCK_PLATFORM_MISSING"),
    });
    await built(...foreign, "--lockfile");
    const both = await sandbox.json<LockResult>(["lock", ...spec, "--arch", "amd64,arm64", "--update"]);
    expect(both.platforms.map(({ platform }) => platform)).toEqual(["linux/amd64", "linux/arm64"]);
    expect(both.changed).toBe(false);
    await built(...foreign, "--frozen-lockfile");
  });

  test("of another request is not used; asked for by name it is refused, and left as it is", async () => {
    await sandbox.json(["lock", ...spec]);
    const before = lockText();
    const other = ["build", "alpine:3.19", "--mirror", "./mirror/", "-o", "oci:images:x"];
    const difference = "release: locked 3.20, asked for 3.19";
    for (const flag of ["--lockfile", "--frozen-lockfile"]) {
      const outcome = await sandbox.run([...other, flag]);
      expect(outcome).toMatchObject({ exitCode: 2, stdout: "" });
      expect(outcome.stderr).toContain(`${difference}; --mirror: locked mirror, asked for ./mirror/`);
      expect(outcome.stderr).not.toContain("fetch");
    }
    const found = await sandbox.run(other);
    expect(found.stderr).toContain(
      `note: base-kit.lock is not used: it is the lock of another request (${difference})`,
    );
    expect(lockText()).toBe(before);
  });

  test("that is missing, broken or from the future ends a build before it begins", async () => {
    expect(await build("--frozen-lockfile")).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("[LOCK_MISSING]"),
    });
    await sandbox.json(["lock", ...spec]);
    const good = lockText();
    for (const [bad, exitCode, message] of [
      [`<<<<<<< HEAD\n${good}`, 2, "merge conflict, line 1"],
      [good.slice(0, -10), 2, "not JSON"],
      [good.replace('"lockfileVersion": 1', '"lockfileVersion": 7'), 6, "its format is 7"],
    ] as const) {
      writeFileSync(sandbox.work("base-kit.lock"), bad);
      const outcome = await build();
      expect(outcome).toMatchObject({ exitCode, stdout: "", stderr: expect.stringContaining(message) });
      expect(lockText()).toBe(bad);
    }
    expect(readdirSync(sandbox.work("."))).not.toContain("images");
    writeFileSync(sandbox.work("base-kit.lock"), "not a lock");
    expect(await sandbox.run(["lock", ...spec, "--update"])).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining("it is written anew"),
    });
    expect(lockText()).toBe(good);
  });

  test("that cannot be where it is wanted is told before anything is fetched", async () => {
    for (const [file, why] of [
      ["", "a name is missing"],
      ["no/such.lock", "there is no folder no"],
      ["mirror/keys.lock/x", "there is no folder mirror/keys.lock"],
    ] as const) {
      for (const outcome of [await build("--lockfile", file), await sandbox.run(["lock", ...spec, "--lockfile", file])])
        expect(outcome).toMatchObject({
          exitCode: 5,
          stderr: expect.stringMatching(`^error: cannot write ${file === "" ? '""' : file}: ${why} `),
        });
    }
    expect(readdirSync(sandbox.work("."))).not.toContain("images");
  });

  test.each<[string, string, number]>([
    ["", '"" is refused: a name is missing', 2],
    ["file", "file is refused: file is not a folder", 5],
    ["file/a/b", "file/a/b is refused: file is not a folder", 5],
    ["locked/a/b", "locked/a/b is refused: nothing can be made in the folder locked: permission denied (EACCES)", 5],
  ])(
    "copies that cannot be where they are wanted are told before anything is fetched: %j",
    async (folder, why, exitCode) => {
      writeFileSync(sandbox.work("file"), "");
      mkdirSync(sandbox.work("locked"), { mode: 0o555 });
      const outcome = await sandbox.run(["lock", ...spec, "--vendor", folder], { through: WITHOUT_CAPABILITIES });
      const told = outcome.stderr.replaceAll(`${sandbox.work("")}/`, "");
      expect(told.split("\n")[0]).toBe(`error: --vendor ${why} [VENDOR_FOLDER]`);
      expect(outcome).toMatchObject({ exitCode, stdout: "" });
      expect(existsSync(sandbox.work("base-kit.lock"))).toBe(false);
    },
  );

  test("may lie in a folder that comes into being with the image", async () => {
    const { exitCode } = await sandbox.run(["build", ...spec, "-o", "oci:new:x", "--lockfile", "new/base-kit.lock"]);
    expect(exitCode).toBe(0);
    expect(lockText("new/base-kit.lock")).toContain('"alpine"');
  });

  test("is whole whoever writes it last", async () => {
    const outcomes = await Promise.all([1, 2, 3].map((n) => build("--lockfile", "--env", `N=${n}`)));
    expect(outcomes.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
    expect(await build("--frozen-lockfile")).toMatchObject({ exitCode: 0 });
  });

  test("whose digest somebody changed gives no image", async () => {
    await sandbox.json(["lock", ...spec]);
    const digest = /minirootfs[^\n]*"sha256":"([0-9a-f]{64})"/.exec(lockText())?.[1] ?? "";
    writeFileSync(sandbox.work("base-kit.lock"), lockText().replaceAll(digest, digest.replace(/./g, "0")));
    expect(await build()).toMatchObject({ exitCode: 3, stderr: expect.stringContaining(digest) });
  });

  test("holds no value of the environment and no password", async () => {
    const variables = { TOKEN: "s3cret", BASE_KIT_ALPINE_MIRROR: undefined };
    await sandbox.json(["build", ...spec, "-o", "oci:images:x", "--lockfile", "--env", "TOKEN"], { env: variables });
    expect(lockText()).toContain('"env":["TOKEN"]');
    expect(lockText()).not.toContain("s3cret");
    await using server = await serveMirror();
    const url = server.url.replace("//", "//me:s3cret@");
    const secret = { env: { BASE_KIT_ALPINE_MIRROR: url } };
    const args = ["build", "alpine:3.20", "-o", "oci:secret:y", "--lockfile", "s.lock", "--sbom", "secret/s.spdx.json"];
    const outcome = await sandbox.run(args, secret);
    expect(outcome.exitCode).toBe(0);
    expect(`${outcome.stderr}${outcome.stdout}${lockText("s.lock")}`).not.toContain("s3cret");
    // Config, manifest, history, labels, SBOM; the layer is compressed.
    const written = readdirSync(sandbox.work("secret"), { recursive: true, withFileTypes: true });
    for (const { parentPath, name } of written.filter((entry) => entry.isFile())) {
      expect(readFileSync(join(parentPath, name), "latin1")).not.toContain("s3cret");
    }
    expect(
      await sandbox.run(["build", "alpine:3.20", "-o", "oci:images:y", "--lockfile", "s.lock"], secret),
    ).toMatchObject({
      exitCode: 0,
    });
  });
});

describe.skipIf(requires("alpine-mirror").skip)("verify", () => {
  const verify = (...args: readonly string[]) => sandbox.run(["verify", ...args]);

  test("makes the image again, and says whether it is the one that was recorded, or another one", async () => {
    expect(await verify()).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("there is no lock") });
    await sandbox.json(["lock", ...spec]);
    expect(await verify()).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("records no image") });
    await built("--lockfile", "--env", "A=b c", "--path-exclude", "/etc/motd", "-o", "docker-archive:image.tar");
    expect(await verify()).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("  same\n") });
    expect(await verify("docker-archive:image.tar")).toMatchObject({ exitCode: 0 });
    await built("--compression", "none", "--env", "A=b c", "--path-exclude", "/etc/motd", "-o", "oci:images:plain");
    expect(await verify("oci:images:plain")).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining("packed in another way"),
    });
  });

  test("packs as the lock says, and not as it would today", async () => {
    // It takes its time, so only what is in /etc.
    const less = ["bin", "lib", "sbin", "usr"].flatMap((folder) => ["--path-exclude", `/${folder}/*`]);
    await built("--lockfile", "--compressor", "portable", ...less);
    expect(lockText()).toContain('"portable-');
    expect(await verify()).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("  same\n") });
  });

  test("names what differs first, and does not believe what the cache remembers", async () => {
    await built("--lockfile");
    await sandbox.json(["build", ...spec, "-o", "oci:images:other", "--path-exclude", "/etc/motd", "--user", "5"]);
    await sandbox.json(["build", ...spec, "-o", "oci:images:annotated", "--annotation", "a=b"]);
    expect(await verify("oci:images:annotated")).toMatchObject({
      exitCode: 3,
      stdout: expect.stringContaining("first     annotation.a: b → nothing"),
    });
    const other = await verify("oci:images:other");
    expect(other).toMatchObject({ exitCode: 3, stdout: expect.stringContaining("first     /etc/motd is new") });
    writeFileSync(sandbox.work("base-kit.lock"), lockText().replace(/"config": "sha256:./, '"config": "sha256:0'));
    writeFileSync(sandbox.work("base-kit.lock"), lockText().replace(/"manifest": "sha256:./, '"manifest": "sha256:0'));
    const record = await verify();
    expect(record).toMatchObject({ exitCode: 3, stdout: expect.stringContaining("with the same layers") });
    expect(record.stderr).not.toMatch(/compressing.*cached/);
  });

  test("takes the value of a variable that the lock only names from the image, and says so where there is none", async () => {
    const env = { TOKEN: "a value" };
    await sandbox.json(["build", ...spec, "-o", "oci:images:named", "--lockfile", "--env", "TOKEN"], { env });
    expect(await verify("oci:images:named")).toMatchObject({ exitCode: 0 });
    expect(await verify()).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("built with --env TOKEN") });
  });

  test("takes nothing from the environment: no other time, and no secret that a changed lock asks for", async () => {
    await built("--lockfile");
    const env = { SOURCE_DATE_EPOCH: "1000000000", TOKEN: "s3cret" };
    expect(await sandbox.run(["verify"], { env })).toMatchObject({ exitCode: 0 });
    writeFileSync(sandbox.work("base-kit.lock"), lockText().replace('"settings": {', '"settings": {"env":["TOKEN"],'));
    const outcome = await sandbox.run(["verify", "oci:images:x", "--progress", "json"], { env });
    expect(`${outcome.stdout}${outcome.stderr}`).not.toContain("s3cret");
    writeFileSync(sandbox.work("base-kit.lock"), lockText().replace('"settings": {', '"settings": {"run":"x",'));
    expect(await sandbox.run(["verify"])).toMatchObject({ exitCode: 6, stderr: expect.stringContaining("found run") });
  });
});

describe.skipIf(requires("alpine-mirror").skip)("without the network", () => {
  test("a build takes everything from the cache, and says what is not there", async () => {
    await using server = await serveMirror();
    const online = ["build", "alpine:3.20", "--mirror", server.url, "-o", "oci:images:x"];
    const nothing = await sandbox.run([...online, "--offline"]);
    expect(nothing).toMatchObject({ exitCode: 4, stdout: "" });
    expect(nothing.stderr).toContain(`${mirror.index} is not in the cache, and --offline does not allow fetching it`);
    const { id } = await sandbox.json<ImageJson>([...online, "--lockfile"]);
    const asked = server.requests.length;
    expect((await sandbox.json<ImageJson>([...online, "--offline"])).id).toBe(id);
    expect(server.requests).toHaveLength(asked);
    rmSync(join(sandbox.dir, "cache"), { recursive: true });
    expect((await sandbox.run([...online, "--offline"])).stderr).toContain(mirror.minirootfs);
  });

  test("the copies that lock --vendor has made are enough, on another machine and when the mirror is gone", async () => {
    const result = await sandbox.json<LockResult>(["lock", ...spec, "--vendor", "inputs"]);
    expect(result.vendored).toMatchObject({ directory: "inputs", files: 2, skipped: [] });
    rmSync(sandbox.work("mirror"), { recursive: true });
    rmSync(join(sandbox.dir, "cache"), { recursive: true });
    const before = readdirSync(sandbox.work("inputs"), { recursive: true }).sort();
    await built("--offline", "--vendor", "inputs", "--lockfile");
    expect(await sandbox.run(["verify", "--offline", "--vendor", "inputs"])).toMatchObject({ exitCode: 0 });
    expect(readdirSync(sandbox.work("inputs"), { recursive: true }).sort()).toEqual(before);
    expect(await build("--vendor", "nowhere")).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("lock … --vendor"),
    });
  });
});

describe.skipIf(requires("alpine-mirror").skip)("packages that the mirror deletes when there are newer ones", () => {
  const key = newApkKey();
  interface Listed {
    readonly name: string;
    readonly checksums?: readonly { readonly checksumValue: string }[];
  }
  const packagesIn = (sbom: string): readonly Listed[] => JSON.parse(readFileSync(sbom, "utf8")).packages;
  const publish = (version: string) => {
    const repository = sandbox.work("mirror/v3.20/main");
    rmSync(repository, { recursive: true, force: true });
    const hello = { name: "hello", version, files: { "usr/bin/hello": version }, info: ["depend = libfoo"] };
    return writeApkRepository(repository, [hello, { name: "libfoo", version }], key, ALPINE_ARCHITECTURE);
  };

  test("are in the copies of lock --vendor, and give the same image without the network", async () => {
    const options = ["--include", "hello", "--keyring", join(publish("1.0-r0"), key.name)];
    const result = await sandbox.json<LockResult>(["lock", ...spec, ...options, "--vendor", "inputs"]);
    expect(result.vendored).toMatchObject({ files: 5, skipped: [] });
    const { id } = await built(...options, "--frozen-lockfile", "--sbom", "hello.spdx.json");
    const listed = packagesIn(sandbox.work("hello.spdx.json"));
    expect(listed.map(({ name }) => name)).toEqual(expect.arrayContaining(["apk-tools", "busybox", "musl"]));
    for (const each of ["hello", "libfoo"]) {
      const digest = listed.find(({ name }) => name === each)?.checksums?.[0]?.checksumValue;
      expect(lockText()).toMatch(new RegExp(`"${each}-1\\.0-r0\\.apk".*"sha256":"${digest}"`));
    }
    publish("1.1-r0");
    rmSync(join(sandbox.dir, "cache"), { recursive: true });
    const gone = await build(...options, "--frozen-lockfile");
    expect(gone).toMatchObject({
      exitCode: 5,
      stderr: expect.stringMatching(/libfoo-1\.0-r0\.apk.*\n.*hello-1\.0-r0\.apk/),
    });
    expect((await built(...options, "--frozen-lockfile", "--offline", "--vendor", "inputs")).id).toBe(id);
    await sandbox.json(["lock", ...spec, ...options, "--update"]);
    expect(lockText()).toContain("hello-1.1-r0.apk");
  });
});

describe.skipIf(requires("alpine-mirror").skip)("the cache", () => {
  const cache = (...args: readonly string[]) => sandbox.run(["cache", ...args]);

  test("is listed, made smaller, and found", async () => {
    await built();
    const directory = join(sandbox.dir, "cache/base-kit");
    expect((await cache("dir")).stdout).toBe(`${directory}\n`);
    const listed = await sandbox.json<{ readonly items: readonly { readonly size: number }[] }>(["cache", "ls"]);
    expect(listed.items.length).toBeGreaterThan(1);
    expect((await cache("ls")).stdout).toMatch(/ MB {2}file {4}[0-9a-f]{64}\n/);
    expect(await cache("prune", "--max-size", "x")).toMatchObject({ exitCode: 2 });
    expect(await cache("dir", "--cache-dir", "x")).toMatchObject({ stdout: `${sandbox.work("x")}\n` });
    const homeless = { HOME: undefined, XDG_CACHE_HOME: undefined };
    expect(await sandbox.run(["cache", "ls"], { env: homeless })).toMatchObject({ exitCode: 5, stdout: "" });
    expect(await cache("prune", "--max-size", "0")).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining("kept     0 items"),
    });
    expect((await cache("ls")).stdout).toMatch(/^0 items, 0 B of at most 10\.0 GB/);
    await built();
  });

  test("is kept below a bound by the builds themselves", async () => {
    const env = { BASE_KIT_CACHE_SIZE: "5MB" };
    await sandbox.json(["build", ...spec, "-o", "oci:images:x"], { env });
    const { size } = await sandbox.json<{ readonly size: number }>(["cache", "ls"]);
    expect(size).toBeLessThan(5_000_000);
    expect(size).toBeGreaterThan(0);
    expect(
      await sandbox.run(["build", ...spec, "-o", "oci:images:x"], { env: { BASE_KIT_CACHE_SIZE: "lots" } }),
    ).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("BASE_KIT_CACHE_SIZE"),
    });
    expect(readdirSync(sandbox.work("images"))).not.toContain("z");
  });
});
