import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { locationOf, newApkKey, requires, writeApkRepository } from "@base-kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ALPINE_ARCHITECTURE, copyAlpineMirror, FOREIGN } from "./alpine-mirror.ts";
import { createSandbox, FORTY_DAYS_LATER, type Sandbox } from "./run-cli.ts";
import { type TestImages, testImages } from "./test-images.ts";

interface ImageJson {
  readonly id: string;
  readonly references: readonly string[];
  readonly platform: string;
  readonly outputs: readonly { readonly to: string; readonly id: string }[];
}

let sandbox: Sandbox;
beforeEach(() => {
  sandbox = createSandbox();
});
afterEach(() => sandbox.dispose());

describe.skipIf(requires("alpine-mirror", "docker", "tar").skip)("Alpine in an engine", () => {
  let images: TestImages;
  beforeEach(() => {
    images = testImages();
  });
  afterEach(() => images.remove());

  const buildAlpine = (...args: readonly string[]) =>
    sandbox.json<ImageJson>(["build", "alpine:3.20", "--mirror", locationOf("alpine-mirror"), ...args]);

  test("runs, and has the same id through the docker program, the Engine API and a file", async () => {
    const [first, second] = [images.fresh(), images.fresh()];
    // Removed below by its id, which other tests' images must not have.
    const build = (...args: readonly string[]) => buildAlpine("--label", `test=${first}`, ...args);
    const program = await build("--importer", "docker-cli", "-t", first);
    expect(program.references).toEqual([`${first}:latest`]);
    expect(images.run(first, "apk", "--version")).toMatch(/^apk-tools \d/);
    expect(images.run(first, "cat", "/etc/os-release")).toContain('PRETTY_NAME="Alpine Linux v3.20"');
    expect(images.inspect(first)).toMatchObject({ Id: program.id, Config: { Cmd: ["/bin/sh"] } });
    images.docker(["image", "rm", "--force", program.id]);

    const api = await build("--importer", "engine-api", "-t", second);
    expect(images.inspect(second).Id).toBe(program.id);
    expect(api.id).toBe(program.id);
    images.docker(["image", "rm", "--force", api.id]);

    const file = await build("-t", first, "-o", "docker-archive:alpine.tar");
    expect(file.id).toBe(program.id);
    images.docker(["load", "--input", sandbox.work("alpine.tar")]);
    expect(images.inspect(first).Id).toBe(program.id);
  });

  test("is not unpacked or checked a second time, for a file or for the engine", async () => {
    const name = images.fresh();
    const build = (...to: readonly string[]) =>
      sandbox.run(["build", "alpine:3.20", "--mirror", locationOf("alpine-mirror"), ...to]);
    await build("-o", "oci-archive:first.tar");
    const again = await build("-o", "oci-archive:second.tar");
    expect(again.stderr).toContain("looking for the image of alpine:3.20 in the cache: found");
    expect(again.stderr).not.toContain("checking the image");
    expect(readFileSync(sandbox.work("second.tar")).equals(readFileSync(sandbox.work("first.tar")))).toBe(true);
    await build("-t", name);
    const loaded = await build("-t", name);
    expect(loaded.stderr).toContain("in the cache: found");
    expect(images.run(name, "cat", "/etc/alpine-release")).toMatch(/^3\.20\./);
  });

  test("passes the checks of Docker's official image, and its layer is the file that Alpine published", async () => {
    const name = images.fresh();
    await buildAlpine("-t", name, "-o", "docker-daemon:", "-o", "oci:layout:x");
    const script = [
      "date +%Z",
      "cat /etc/apk/repositories",
      "ls -A /var/cache/apk | wc -l",
      "grep -c '^root:[*!]:' /etc/shadow",
      "apk audit --system",
    ];
    expect(images.run(name, "sh", "-c", script.join("; "))).toBe(
      [
        "UTC",
        "https://dl-cdn.alpinelinux.org/alpine/v3.20/main",
        "https://dl-cdn.alpinelinux.org/alpine/v3.20/community",
        "0",
        "1",
      ].join("\n"),
    );
    const read = (file: string) => JSON.parse(readFileSync(sandbox.work(`layout/${file}`), "utf8"));
    const blob = (digest: string) => read(`blobs/${digest.replace(":", "/")}`);
    const { layers } = blob(read("index.json").manifests[0].digest);
    const mirror = await copyAlpineMirror(sandbox.work("copy"));
    const [published] = readFileSync(join(mirror.dir, `${mirror.minirootfs}.sha256`), "utf8").split(" ");
    expect(layers).toEqual([expect.objectContaining({ digest: `sha256:${published}` })]);
    // Docker would mount a device there; a file of that name is left when an image is made by a careless chroot.
    const file = sandbox.work(`layout/blobs/sha256/${published}`);
    expect(execFileSync("tar", ["-tzf", file], { encoding: "utf8" }).split("\n")).not.toContain("./dev/null");
  });

  test("with packages on top is in order for its own apk", async () => {
    await copyAlpineMirror(sandbox.work("mirror"));
    const library = { name: "libfoo", version: "1.4-r0", files: { "usr/lib/libfoo.so.1": "library" } };
    const packages = [
      { ...library, info: ["provides = so:libfoo.so.1=1"] },
      {
        name: "hello",
        files: { "etc/hello.conf": "a=1\n", "usr/bin/hi": "-> hello" },
        info: ["depend = so:libfoo.so.1"],
      },
      { name: "later", info: ["depend = hello"] },
    ];
    const key = newApkKey();
    const repository = sandbox.work("mirror/v3.20/main");
    writeApkRepository(repository, packages, key, ALPINE_ARCHITECTURE);
    const name = images.fresh();
    const from = ["--mirror", sandbox.work("mirror"), "--keyring", join(repository, key.name)];
    await sandbox.json(["build", "alpine:3.20", ...from, "--include", "hello", "-t", name]);
    const script = [
      "apk audit --system",
      "apk info | grep -E '^(hello|libfoo)$'",
      "apk info --who-owns /usr/bin/hi",
      "tar -x -C /tmp",
      `mv /tmp/${key.name} /etc/apk/keys/`,
      `apk verify /tmp/${ALPINE_ARCHITECTURE}/*.apk`,
      "apk add --no-network --repositories-file /dev/null --repository /tmp later",
      "apk audit --system",
    ];
    const archive = execFileSync("tar", ["-c", "-C", repository, "."]);
    const args = ["run", "--rm", "-i", "--network", "none", name, "sh", "-ec", script.join("\n")];
    const apks = ["hello-1.0-r0", "later-1.0-r0", "libfoo-1.4-r0"];
    expect(images.docker(args, archive).split("\n")).toEqual([
      "hello",
      "libfoo",
      "/usr/bin/hi is owned by hello-1.0-r0",
      ...apks.map((apk) => expect.stringContaining(`/tmp/${ALPINE_ARCHITECTURE}/${apk}.apk: 0 - OK`)),
      "(1/1) Installing later (1.0-r0)",
      expect.stringMatching(/^OK: \d+ MiB in 17 packages$/),
    ]);
  });

  test("keeps command and environment also when it is imported Docker's old way", async () => {
    const name = images.fresh();
    const image = await buildAlpine("--import-mode", "import", "-t", name, "--env", "GREETING=a b", "--label", "k=v w");
    expect(images.inspect(name)).toMatchObject({
      Id: image.id,
      Config: { Cmd: ["/bin/sh"], Env: expect.arrayContaining(["GREETING=a b"]), Labels: { k: "v w" } },
    });
    expect(images.run(name, "sh", "-c", "echo $GREETING")).toBe("a b");
  });

  test("goes to several places in one run", async () => {
    const name = images.fresh();
    const places = ["docker-daemon:", "oci:layout:3.20", "docker-archive:alpine.tar", "tar:alpine-layer.tar"];
    const image = await buildAlpine("-t", name, ...places.flatMap((place) => ["-o", place]));
    expect(image.outputs).toHaveLength(4);
    expect(new Set(image.outputs.slice(0, 3).map(({ id }) => id))).toEqual(new Set([images.inspect(name).Id]));
    expect(images.inspect(name).RootFS.Layers).toEqual([image.outputs[3]?.id]);
  });
});

describe.skipIf(requires("alpine-mirror").skip)("Alpine in files", () => {
  test("has the same bytes whatever the day, umask, time zone, locale, home and folder", async () => {
    await copyAlpineMirror(sandbox.work("mirror"));
    const args = ["build", "alpine:3.20", "--mirror", sandbox.work("mirror"), "-o", "docker-archive:image.tar"];
    const umask = (mask: string) => ["sh", "-c", `umask ${mask} && exec "$@"`, "sh"];
    const worlds = [
      { env: { LC_ALL: "C" }, through: umask("022") },
      {
        env: { ...FORTY_DAYS_LATER, LC_ALL: "tr_TR.UTF-8", LANG: "tr_TR.UTF-8", TZ: "Pacific/Kiritimati" },
        through: umask("077"),
      },
      { env: { LANG: "C.UTF-8", TZ: "America/St_Johns", HOME: "/", XDG_CACHE_HOME: undefined }, through: umask("000") },
    ];
    const archives: Buffer[] = [];
    for (const [index, world] of worlds.entries()) {
      const cwd = sandbox.work(`${index}`);
      mkdirSync(cwd);
      const cache = ["--cache-dir", join(sandbox.dir, `cache-${index}`)];
      expect(await sandbox.run([...args, ...cache], { ...world, cwd })).toMatchObject({ exitCode: 0 });
      archives.push(readFileSync(join(cwd, "image.tar")));
    }
    const [first] = archives as [Buffer];
    expect(archives.map((archive) => archive.equals(first))).toEqual([true, true, true]);
  });

  test.each([
    ["tar:x.tar", 2],
    ["oci-archive:x.tar", 1],
  ])("is looked for in the cache only if all of it was kept there: %s", async (output, times) => {
    await copyAlpineMirror(sandbox.work("mirror"));
    const changed = ["--mirror", sandbox.work("mirror"), "--path-exclude", "/etc/motd"];
    const build = () => sandbox.run(["build", "alpine:3.20", ...changed, "-o", output]);
    const told = [await build(), await build()].map(({ stderr }) => stderr).join("");
    expect(told).not.toContain("not whole any more");
    expect(told.match(/^checking the image /gm)).toHaveLength(times);
  });

  test("is for another architecture when that is asked for, with packages whose scripts cannot run here", async () => {
    const mirror = sandbox.work("mirror");
    await copyAlpineMirror(mirror, FOREIGN.alpine);
    const key = newApkKey();
    const accounts = "#!/bin/sh\naddgroup -S web\nadduser -S -D -H -G web web\n";
    const web = { name: "web", files: { "usr/bin/web": "x" }, scripts: { "pre-install": accounts } };
    const repository = join(mirror, "v3.20/main");
    writeApkRepository(repository, [web], key, FOREIGN.alpine);
    const from = ["--mirror", mirror, "--keyring", join(repository, key.name), "--include", "web"];
    const args = ["build", "alpine:3.20", ...from, "--arch", FOREIGN.docker];
    const image = await sandbox.json<ImageJson>([...args, "-o", "oci:layout:foreign", "-o", "tar:foreign.tar"]);
    expect(image.platform).toBe(`linux/${FOREIGN.docker}`);
    const blob = (digest: string) =>
      JSON.parse(readFileSync(sandbox.work(`layout/blobs/sha256/${digest.replace("sha256:", "")}`), "utf8"));
    const index = JSON.parse(readFileSync(sandbox.work("layout/index.json"), "utf8"));
    expect(index.manifests[0].platform).toMatchObject({ os: "linux", architecture: FOREIGN.docker });
    expect(blob(image.id)).toMatchObject({ architecture: FOREIGN.docker, os: "linux" });
    // Where no emulator is known to the kernel nothing has been run for it.
    const content = (path: string) =>
      execFileSync("tar", ["-xOf", sandbox.work("foreign.tar"), path], { encoding: "utf8" });
    expect(content("etc/passwd")).toMatch(/^web:x:100:101:/m);
    expect(content("lib/apk/db/installed")).toContain(`\nP:web\nV:1.0-r0\nA:${FOREIGN.alpine}\n`);
  });

  test("is added to a layout beside what is there, and replaces only its own tag", async () => {
    const mirror = sandbox.work("mirror");
    await copyAlpineMirror(mirror);
    const build = (tag: string, ...more: readonly string[]) =>
      sandbox.json<ImageJson>(["build", "alpine:3.20", "--mirror", mirror, "-o", `oci:layout:${tag}`, ...more]);
    const tags = () =>
      JSON.parse(readFileSync(sandbox.work("layout/index.json"), "utf8")).manifests.map(
        ({ annotations }: { readonly annotations: Readonly<Record<string, string>> }) =>
          annotations["org.opencontainers.image.ref.name"],
      );
    await build("one");
    await build("two", "--label", "a=b");
    await build("one", "--label", "c=d");
    expect(tags().sort()).toEqual(["one", "two"]);
    await Promise.all(["a", "b", "c", "d"].map((tag) => build(tag)));
    expect(tags().sort()).toEqual(["a", "b", "c", "d", "one", "two"]);
    expect(await sandbox.leftovers()).toEqual([]);
  });
});
