import { spawnSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Entry, parsePlatform, type Segment } from "@base-kit/core";
import { directoryEntry, fileEntry, mergedEntries, removePaths, tarSegment } from "@base-kit/rootfs";
import { locationOf, newApkKey, requires, writeApkRepository } from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { alpine } from "../src/index.ts";
import { applyKnown } from "../src/install/native/apply-known.ts";
import { type TestContext, testContext } from "./in-context.ts";
import { type RealApk, unpackMinirootfs } from "./real-apk.ts";

const { skip } = requires("alpine-mirror", "docker", "root", "tar", "unshare", "openssl");
const EPOCH = Math.floor(Date.now() / 1000);
const sh = (...lines: readonly string[]) => ["#!/bin/sh", ...lines, "exit 0", ""].join("\n");

describe.skipIf(skip)("scripts that are applied without running them leave what they leave", () => {
  let real: RealApk;
  let mirror: string;
  let context: TestContext;
  let segments: readonly Segment[];
  beforeAll(async () => {
    mirror = locationOf("alpine-mirror").replace(/^file:\/\//, "");
    real = unpackMinirootfs(mirror);
    context = await testContext();
    const releases = join(mirror, "v3.20/releases/x86_64");
    const file = readdirSync(releases).find((name) => name.endsWith("-x86_64.tar.gz")) as string;
    segments = [await tarSegment(join(releases, file), context)];
  });
  afterAll(async () => {
    real.remove();
    await context[Symbol.asyncDispose]();
  });

  const apply = (tree: readonly Segment[], ...scripts: readonly string[]) =>
    applyKnown(
      { segments: tree, epoch: EPOCH },
      scripts.map((text, at) => ({ file: `script ${at}`, content: Buffer.from(text), args: ["/usr/bin"] })),
    );

  test("accounts, by the real busybox", async () => {
    const commands = [
      "addgroup -S hello",
      "addgroup -S hello",
      "addgroup -S -g 82 taken",
      "addgroup -g 150 -S exact",
      "addgroup plain",
      "adduser -S -D -H -h /var/lib/hello -s /sbin/nologin -G hello -g hello hello",
      "adduser -SDH -h /dev/null first",
      "adduser -S -D -H -G nowhere lost",
      'adduser -S -u 88 -D -H -h /x -s /bin/false -g "Full Name" -G exact exact',
      "adduser -S -u 88 -D -H double",
      "adduser -S -D -H hello",
      "adduser -S -D -H -g '' -G wheel empty",
      "addgroup hello www-data",
      "addgroup hello www-data",
      "addgroup exact www-data",
      "addgroup nobody-knows www-data",
      "addgroup hello no-group",
      "addgroup -S late 2>/dev/null",
    ];
    writeFileSync(join(real.root, "commands"), commands.map((command) => `${command}\n`).join(""));
    real.run("sh /commands");
    const { changes, skipped } = await apply(segments, ...commands.map((command) => sh(command)));
    expect(skipped).toEqual([]);
    const byPath = new Map(changes.entries.map((entry) => [entry.path as string, entry]));
    expect([...byPath.keys()].sort()).toEqual(
      ["group", "group-", "passwd", "passwd-", "shadow", "shadow-"].map((name) => `etc/${name}`),
    );
    for (const [path, entry] of byPath) {
      expect(await textOf(entry), path).toBe(readFileSync(join(real.root, path), "utf8"));
      expect(`${entry.mode.toString(8)} ${entry.uid}:${entry.gid}`, path).toBe(statOf(join(real.root, path)));
    }
  });

  test.each([
    "addgroup -x a",
    "addgroup -S a b c",
    "addgroup -S 'a b'",
    "addgroup -S a:b",
    "addgroup -g x a",
    "adduser -S -H -D -k /etc/skel a",
    "adduser -S -D -h /home/a a",
    "adduser -D -H a",
    "adduser -S -D -H -s a:b a",
    "deluser guest",
    "ldconfig /opt/lib",
    "update-ca-certificates",
    "busybox --install /tmp",
    "rm -rf /",
  ])("what is not known is left out, with all of its script: %s", async (command) => {
    expect(await apply(segments, sh("addgroup -S fine", command))).toEqual({
      changes: { entries: [], removed: [] },
      skipped: ["script 0"],
    });
  });

  test("the links of busybox, after its installation and by its trigger", async () => {
    const scripts = scriptsIn(real);
    const folders = ["bin", "sbin", "usr/bin", "usr/sbin"];
    const found = spawnSync("find", [...folders, "-lname", "/bin/busybox"], { cwd: real.root, encoding: "utf8" });
    const removed = found.stdout.trim().split("\n");
    expect(removed.length).toBeGreaterThan(250);
    const { segments: bare } = removePaths(removed)({ segments } as never);
    const expected = removed.map((path) => `${path} -> /bin/busybox`).sort();
    for (const kind of ["post-install", "trigger"]) {
      const { changes, skipped } = await apply(bare, scripts.get(`busybox.${kind}`) ?? expect.fail(kind));
      expect(skipped).toEqual([]);
      const links = changes.entries.filter(({ type }) => type === "symlink");
      expect(links.map((link) => `${link.path} -> ${"target" in link ? link.target : ""}`).sort()).toEqual(expected);
    }
    const shadow = scripts.get("alpine-baselayout.post-install") ?? expect.fail("no script");
    expect(await apply(segments, shadow)).toEqual({ changes: { entries: [], removed: [] }, skipped: [] });
  });

  test("certificates: the bundle, and the links that OpenSSL makes", async () => {
    const folder = mkdtempSync(join(tmpdir(), "certificates-"));
    try {
      const subjects = ["/CN=One", "/O=  Two   words /CN=ÄÖ Zertifikat", "/C=DE/O=Three/OU=a+CN=b", "/CN=One"];
      const names = ["mozilla/One.crt", "mozilla/Two_(2), x.crt", "mozilla/Three.crt"];
      const pems = subjects.map((subject, at) => certificate(subject, join(folder, `${at}.key`)));
      const tree = certificateTree(names, pems);
      const { changes, skipped } = await apply(
        [...segments, { key: "x", origin: "x", entries: () => tree }],
        sh("/usr/sbin/update-ca-certificates > /dev/null 2>&1"),
      );
      expect(skipped).toEqual([]);
      const bundle = changes.entries.find(({ path }) => path === "etc/ssl/certs/ca-certificates.crt");
      expect(await textOf(bundle as Entry)).toBe(
        [pems[0], pems[1], pems[2], pems[3]].map((pem) => `${pem}\n`).join(""),
      );
      // The same links on disk, and OpenSSL's own program for the others.
      const certs = join(folder, "certs");
      mkdirSync(certs);
      const links = changes.entries.flatMap((entry) =>
        entry.type === "symlink" ? [[entry.path.slice("etc/ssl/certs/".length), entry.target as string] as const] : [],
      );
      expect(
        links
          .filter(([name]) => name.startsWith("ca-cert-"))
          .map((pair) => pair.join(" -> "))
          .sort(),
      ).toEqual([
        "ca-cert-One.pem -> /usr/share/ca-certificates/mozilla/One.crt",
        "ca-cert-Three.pem -> /usr/share/ca-certificates/mozilla/Three.crt",
        "ca-cert-Two_=2=__x.pem -> /usr/share/ca-certificates/mozilla/Two_(2), x.crt",
        "ca-cert-own.pem -> /usr/local/share/ca-certificates/own.crt",
      ]);
      for (const [name, target] of links.filter(([each]) => each.startsWith("ca-cert-"))) {
        const at = target.includes("/local/") ? 3 : names.findIndex((each) => target.endsWith(`/${each}`));
        writeFileSync(join(certs, name), pems[at] as string);
      }
      expect(spawnSync("openssl", ["rehash", certs]).status).toBe(0);
      const theirs = readdirSync(certs).filter((name) => /^[0-9a-f]{8}\./.test(name));
      const hashes = (pairs: readonly (readonly [string, string])[]) =>
        pairs.map(([name, target]) => `${target} ${name}`).sort();
      expect(hashes(links.filter(([name]) => /^[0-9a-f]{8}\./.test(name)))).toEqual(
        hashes(theirs.map((name) => [name, readlinkSync(join(certs, name))] as const)),
      );
      const hooked = [...tree, fileEntry("etc/ca-certificates/update.d/java", "#!/bin/sh\nkeytool\n", { mode: 0o755 })];
      expect(
        (await apply([{ key: "y", origin: "y", entries: () => hooked }], sh("update-ca-certificates"))).skipped,
      ).toHaveLength(1);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test("the image is the same as with the scripts run", async () => {
    const folder = mkdtempSync(join(tmpdir(), "alpine-mirror-"));
    try {
      const accounts = sh(
        "addgroup -S web 2>/dev/null",
        "adduser -S -D -H -h /var/lib/web -s /sbin/nologin -G web -g web web 2>/dev/null",
        "addgroup web www-data 2>/dev/null",
      );
      const repository = writeApkRepository(
        join(folder, "v3.20/main"),
        [{ name: "web", files: { "usr/bin/web": "x" }, scripts: { "pre-install": accounts } }],
        newApkKey(),
      );
      symlinkSync(join(mirror, "v3.20/releases"), join(folder, "v3.20/releases"));
      const build = async (configure: "chroot" | "userns" | "container" | "none") => {
        await using own = await testContext({ env: { DOCKER_HOST: locationOf("docker") } });
        const request = { release: "3.20", platform: parsePlatform("amd64"), sourceDateEpoch: undefined };
        const options = { mirror: folder, keyring: repository, include: ["web"], configure };
        const { segments: made } = await alpine.produce(await alpine.resolve({ ...request, options }, own), own);
        expect(own.events.filter((event) => event.type === "warned" && event.code === "NOT_CONFIGURED")).toEqual([]);
        return Promise.all(mergedEntries({ segments: made }).map(described));
      };
      const [run, applied] = [await build("chroot"), await build("none")];
      expect(applied).toEqual(run);
      for (const other of ["userns", "container"] as const) expect(await build(other), other).toEqual(run);
      expect(applied.find((line) => line.startsWith("etc/group file"))).toContain("\nweb:x:101:web\n");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

function certificateTree(names: readonly string[], pems: readonly string[]): readonly Entry[] {
  const folders = [
    "usr",
    "usr/share",
    "usr/share/ca-certificates",
    "usr/share/ca-certificates/mozilla",
    "usr/local",
    "usr/local/share",
    "usr/local/share/ca-certificates",
    "etc",
    "etc/ca-certificates",
    "etc/ca-certificates/update.d",
  ];
  return [
    ...folders.map((path) => directoryEntry(path)),
    fileEntry("etc/ca-certificates.conf", `# list\n${names.join("\n")}\n!mozilla/Not.crt\n`),
    fileEntry("etc/ca-certificates/update.d/certhash", "#!/bin/sh\nexec /usr/bin/c_rehash /etc/ssl/certs\n", {
      mode: 0o755,
    }),
    ...names.map((name, at) => fileEntry(`usr/share/ca-certificates/${name}`, pems[at] as string)),
    fileEntry("usr/local/share/ca-certificates/own.crt", pems.at(-1) as string),
  ];
}

function certificate(subject: string, key: string): string {
  const options = [
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-utf8",
    "-multivalue-rdn",
  ];
  const { stdout, status, stderr } = spawnSync("openssl", ["req", ...options, "-keyout", key, "-subj", subject], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

function scriptsIn({ root }: RealApk): ReadonlyMap<string, string> {
  const archive = join(root, "lib/apk/db/scripts.tar");
  const { stdout } = spawnSync("tar", ["-tf", archive], { encoding: "utf8" });
  const names = stdout.trim().split("\n");
  return new Map(
    names.map((name) => [
      `${name.replace(/-\d.*$/, "")}.${name.slice(name.lastIndexOf(".") + 1)}`,
      spawnSync("tar", ["-xOf", archive, name], { encoding: "utf8" }).stdout,
    ]),
  );
}

function statOf(path: string): string {
  return spawnSync("stat", ["-c", "%a %u:%g", path], { encoding: "utf8" }).stdout.trim();
}

async function textOf(entry: Entry): Promise<string> {
  if (entry.type !== "file") return "";
  const parts: Uint8Array[] = [];
  for await (const part of entry.content()) parts.push(part);
  return Buffer.concat(parts).toString("latin1");
}

async function described(entry: Entry): Promise<string> {
  const { path, type, mode, uid, gid, mtime } = entry;
  const content = path.startsWith("etc/") ? await textOf(entry) : "";
  return `${path} ${type} ${mode.toString(8)} ${uid}:${gid} ${mtime} ${"target" in entry ? entry.target : ""} ${content}`;
}
