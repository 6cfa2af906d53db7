import { execFile, spawnSync } from "node:child_process";
import { createPublicKey } from "node:crypto";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { parsePlatform, type Rootfs } from "@base-kit/core";
import { mergedEntries } from "@base-kit/rootfs";
import { writeTar } from "@base-kit/tar";
import { type DescribedApk, locationOf, newApkKey, requires, startMirror, writeApkRepository } from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ALPINE_KEYS } from "../src/apk/alpine-keys.ts";
import { parseDependency } from "../src/apk/dependency.ts";
import { readIndex } from "../src/apk/index-file.ts";
import { compareVersions, isVersion } from "../src/apk/version.ts";
import { alpine } from "../src/index.ts";
import { solve } from "../src/solver/solve.ts";
import { createUniverse } from "../src/solver/universe.ts";
import { testContext } from "./in-context.ts";
import { addRepository, type RealApk, unpackMinirootfs } from "./real-apk.ts";

const { skip } = requires("alpine-mirror", "root", "tar", "unshare");
const INDEX = "v3.17/main/aarch64/APKINDEX.tar.gz";

/** Deterministic, so that a failure comes again. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

describe.skipIf(skip)("beside the real apk", () => {
  let real: RealApk;
  let mirror: string;
  beforeAll(() => {
    mirror = locationOf("alpine-mirror").replace(/^file:\/\//, "");
    real = unpackMinirootfs(mirror);
  });
  afterAll(() => real.remove());

  test("the pinned keys are those that Alpine ships", () => {
    const shipped = readdirSync(join(real.root, "usr/share/apk/keys")).filter((name) => name.endsWith(".rsa.pub"));
    expect(ALPINE_KEYS.map(({ name }) => name).sort()).toEqual(shipped.sort());
    for (const { name, architectures, key } of ALPINE_KEYS) {
      const pem = readFileSync(join(real.root, "usr/share/apk/keys", name));
      const ours = createPublicKey({ key: Buffer.from(key, "base64"), format: "der", type: "spki" });
      expect(ours.equals(createPublicKey(pem)), name).toBe(true);
      for (const each of architectures)
        expect(readdirSync(join(real.root, "usr/share/apk/keys", each))).toContain(name);
    }
  });

  test("versions compare alike", () => {
    const random = randomNumbers(1);
    const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
    const version = () => {
      const numbers = Array.from({ length: 1 + Math.floor(random() * 4) }, () =>
        pick(["0", "1", "2", "10", "01", "001", "05"]),
      );
      const suffix =
        random() < 0.5 ? `_${pick(["alpha", "beta", "pre", "rc", "cvs", "git", "p"])}${pick(["", "1", "2"])}` : "";
      return `${numbers.join(".")}${random() < 0.3 ? pick(["a", "b"]) : ""}${suffix}${random() < 0.5 ? `-r${pick(["0", "1", "10"])}` : ""}`;
    };
    const pairs = Array.from({ length: 300 }, () => [version(), version()] as const).filter((pair) =>
      pair.every(isVersion),
    );
    writeFileSync(join(real.root, "compare.sh"), pairs.map(([a, b]) => `apk version -t ${a} ${b}`).join("\n"));
    const theirs = real.run("sh /compare.sh").output.trim().split("\n");
    const ours = pairs.map(([a, b]) => "<=>"[Math.sign(compareVersions(a, b)) + 1]);
    expect(theirs.map((sign, at) => `${pairs[at]?.join(` ${sign} `)}`)).toEqual(
      ours.map((sign, at) => pairs[at]?.join(` ${sign} `)),
    );
  });

  test("the same packages of Alpine's index are chosen, in the same order", async () => {
    mkdirSync(join(real.root, "index/aarch64"), { recursive: true });
    mkdirSync(join(real.root, "empty"));
    copyFileSync(join(mirror, INDEX), join(real.root, "index/aarch64/APKINDEX.tar.gz"));
    const options =
      "--arch aarch64 --root /empty --keys-dir /usr/share/apk/keys/aarch64 --repository /index --repositories-file /dev/null";
    real.run(`apk ${options} --initdb add`);
    const keys = new Map(
      ALPINE_KEYS.map(({ name, key }) => [
        name,
        createPublicKey({ key: Buffer.from(key, "base64"), format: "der", type: "spki" }),
      ]),
    );
    const { packages } = await readIndex(readFileSync(join(mirror, INDEX)), { name: "APKINDEX", keys });
    expect(packages.length).toBeGreaterThan(5000);
    const universe = createUniverse(packages.map((info) => ({ info, repository: 0, installed: false })));
    const random = randomNumbers(7);
    const requests = Array.from({ length: 20 }, (_, at) => {
      const names = Array.from(
        { length: 1 + Math.floor(random() * 8) },
        () => packages[Math.floor(random() * packages.length)]?.name as string,
      );
      return [...new Set(at % 2 === 0 ? names : [...names, "alpine-base"])];
    });
    writeFileSync(
      join(real.root, "add.sh"),
      requests.map((names) => `apk ${options} --simulate add ${names.join(" ")}; echo =`).join("\n"),
    );
    const answers = real.run("sh /add.sh").output.split("=\n").slice(0, requests.length);
    const theirs = answers.map((answer) =>
      answer.includes("ERROR")
        ? "none"
        : [...answer.matchAll(/Installing (\S+) \((\S+)\)/g)]
            .map(([, name, version]) => `${name}-${version}`)
            .join(" "),
    );
    const ours = requests.map((names) => {
      try {
        const world = names.map((name) => parseDependency(name) as NonNullable<ReturnType<typeof parseDependency>>);
        return solve({ universe, world })
          .map(({ info }) => `${info.name}-${info.version}`)
          .join(" ");
      } catch {
        return "none";
      }
    });
    expect(ours).toEqual(theirs);
    expect(ours.filter((each) => each !== "none").length).toBeGreaterThan(10);
  });

  test("a tag, its repository and the key of that are known in the image", async () => {
    const folder = mkdtempSync(join(tmpdir(), "alpine-tags-"));
    try {
      const [tree, keyring] = [join(folder, "tree"), join(folder, "keys")];
      for (const each of [tree, keyring]) mkdirSync(each);
      const [own, others] = [newApkKey("own@example.org.rsa.pub"), newApkKey("others@example.org.rsa.pub")];
      for (const { name, publicPem } of [own, others]) writeFileSync(join(keyring, name), publicPem);
      writeApkRepository(join(folder, "v3.20/main"), [{ name: "tool" }], own);
      symlinkSync(join(mirror, "v3.20/releases"), join(folder, "v3.20/releases"));
      const edge = [{ name: "tool", version: "2" }, { name: "later" }];
      const place = writeApkRepository(join(folder, "edge"), edge, others);
      const names = readdirSync(join(place, "x86_64")).map((name) => `x86_64/${name}`);
      await using server = await startMirror(
        Object.fromEntries(names.map((name) => [name, readFileSync(join(place, name))])),
      );
      await using context = await testContext();
      const request = { release: "3.20", platform: parsePlatform("amd64"), sourceDateEpoch: undefined };
      const options = { mirror: folder, keyring, include: ["tool@edge"], repository: [`@edge ${server.url}`] };
      await unpack(await alpine.produce(await alpine.resolve({ ...request, options }, context), context), tree);
      const apk = (command: string) => promisify(execFile)("chroot", [tree, "apk", ...command.split(" ")]);
      // Of this machine's network: what the image fetches is checked with the key it has.
      const official = readFileSync(join(tree, "etc/apk/repositories"), "utf8");
      writeFileSync(join(tree, "etc/apk/repositories"), official.replace(/^https:.*\n/gm, ""));
      const { stdout, stderr } = await apk("add --no-cache later@edge");
      expect(stderr).toBe("");
      expect(stdout).toContain("Installing later@edge (1.0-r0)");
      expect((await apk("info -e -v tool")).stdout).toBe("tool-2\n");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test("packages on top of the minirootfs leave what apk add leaves", async () => {
    const folder = mkdtempSync(join(tmpdir(), "alpine-mirror-"));
    const tree = mkdtempSync(join(tmpdir(), "alpine-tree-"));
    try {
      // Files in /etc that nobody owns: one is the same.
      const files = {
        "etc/os-release": readFileSync(join(real.root, "etc/os-release"), "utf8"),
        "etc/issue": "of settings\n",
      };
      const packages = [...PACKAGES, { name: "settings", files }];
      const repository = writeApkRepository(join(folder, "v3.20/main"), packages, newApkKey());
      symlinkSync(join(mirror, "v3.20/releases"), join(folder, "v3.20/releases"));
      addRepository(real, repository);
      const { status, output } = real.run(`apk add ${WORLD.join(" ")}`);
      expect(status, output).toBe(0);
      await using context = await testContext();
      // Today, because new accounts have the day they were made on.
      const today = Math.floor(Date.now() / 1000);
      const request = { release: "3.20", platform: parsePlatform("amd64"), sourceDateEpoch: today };
      const options = { mirror: folder, keyring: repository, include: WORLD };
      const lock = await alpine.resolve({ ...request, options }, context);
      const rootfs = await alpine.produce(JSON.parse(JSON.stringify(lock)), context);
      await unpack(rootfs, tree);

      // What the test put into the real one, and the order of a hash table.
      const apart = [
        "repo",
        "compare.sh",
        "add.sh",
        "index",
        "empty",
        "dev/null",
        "etc/apk/keys",
        "etc/apk/repositories",
        "var/lib/foo/triggered",
      ];
      for (const path of apart)
        for (const root of [real.root, tree]) rmSync(join(root, path), { recursive: true, force: true });
      const listing = (root: string) =>
        spawnSync("find", [".", "-printf", "%p %y %m %U:%G %l\n"], { cwd: root, encoding: "utf8" })
          .stdout.split("\n")
          .sort();
      expect(listing(tree)).toEqual(listing(real.root));
      expect(spawnSync("diff", ["-r", "--no-dereference", tree, real.root], { encoding: "utf8" }).stdout).toBe("");
      const inside = (command: string) =>
        spawnSync("chroot", [tree, "/bin/sh", "-c", command], { encoding: "utf8" }).stdout;
      expect(inside("apk audit --system")).toBe("");
      expect(inside("apk info").split("\n")).toEqual(expect.arrayContaining(["hello", "hello-doc", "libfoo"]));
      expect(inside("hello")).toBe("hello\n");
    } finally {
      for (const path of [folder, tree]) rmSync(path, { recursive: true, force: true });
    }
  });
});

async function unpack(rootfs: Pick<Rootfs, "segments">, folder: string): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of writeTar(mergedEntries(rootfs))) chunks.push(Buffer.from(chunk));
  const input = Buffer.concat(chunks);
  expect(spawnSync("tar", ["-xp", "-C", folder, "--numeric-owner"], { input }).status).toBe(0);
}

const WORLD = ["hello", "newls", "docs", "settings", "certificates"];
const PACKAGES: readonly DescribedApk[] = [
  {
    name: "hello",
    version: "1.2-r3",
    files: {
      "usr/bin/hello": { content: "#!/bin/sh\necho hello\n", mode: 0o755 },
      "etc/hello/conf": "a=1\n",
      "etc/motd": "of hello\n",
      "usr/lib/libhello.so.1": "-> libhello.so.1.0",
      "usr/lib/libhello.so.1.0": "library",
    },
    info: ["depend = libfoo>=1", "depend = /bin/sh", "provides = cmd:hello=1.2-r3", "replaces = alpine-baselayout"],
    scripts: {
      "pre-install":
        "#!/bin/sh\naddgroup -S hello 2>/dev/null\nadduser -S -D -H -h /var/empty -s /sbin/nologin -G hello -g hello hello 2>/dev/null\nexit 0\n",
      "post-install": "#!/bin/sh\necho installed $1 > /etc/hello/done\nexit 0\n",
    },
  },
  {
    name: "libfoo",
    version: "1.4-r0",
    files: {
      "usr/lib/libfoo.so": "foo",
      "var/lib/foo/": { content: "", mode: 0o700 },
      "usr/share/setuid": { content: "s", mode: 0o4755 },
    },
    info: ["triggers = /usr/share /usr/bin"],
    scripts: { trigger: '#!/bin/sh\necho "$@" > /var/lib/foo/triggered\n' },
  },
  // Alpine's /bin/ls is a link that nobody owns.
  { name: "newls", files: { "bin/ls": { content: "#!/bin/sh\n", mode: 0o755 } } },
  { name: "hello-doc", files: { "usr/share/man/hello.1": "manual" }, info: ["install_if = docs hello"] },
  { name: "docs" },
  {
    name: "certificates",
    // An index has its own architecture for what is for all.
    info: ["arch = noarch", "provides = cmd:gr\u00f6\u00dfe=1"],
    files: {
      [`usr/share/${Buffer.from("F\u0151tan\u00fas\u00edtv\u00e1ny.crt").toString("latin1")}`]: "a certificate",
    },
  },
];
