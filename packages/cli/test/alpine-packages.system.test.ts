import { execFileSync, spawnSync } from "node:child_process";
import { lstatSync, mkdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { type DescribedApk, newApkKey, type RawEntry, requires, writeApkRepository } from "@base-kit/testing";
import { describe, expect, test } from "vitest";
import { ALPINE_ARCHITECTURE, copyAlpineMirror } from "./alpine-mirror.ts";
import { createSandbox } from "./run-cli.ts";
import { testImages } from "./test-images.ts";

/** What Alpine writes on its minirootfs besides packages. */
const NOBODYS = [
  "./etc/alpine-release",
  "./etc/issue",
  "./etc/os-release",
  "./etc/secfixes.d",
  "./etc/secfixes.d/alpine",
];

describe.skipIf(requires("alpine-mirror", "docker", "tar", "root").skip)("Alpine of packages alone", () => {
  test("is what Alpine itself makes of the same packages, and runs", async () => {
    const sandbox = createSandbox();
    const images = testImages();
    try {
      const { dir, minirootfs } = await copyAlpineMirror(sandbox.work("official"));
      const official = sandbox.work("root");
      mkdirSync(official);
      execFileSync("tar", ["-xpzf", join(dir, minirootfs), "-C", official, "--numeric-owner"]);
      const key = newApkKey();
      const packages = packagesOf(official);
      expect(packages.length).toBeGreaterThan(10);
      const repository = sandbox.work("mirror/v3.20/main");
      writeApkRepository(repository, packages, key, ALPINE_ARCHITECTURE);

      const name = images.fresh();
      const from = ["--mirror", sandbox.work("mirror"), "--keyring", join(repository, key.name)];
      const build = ["build", "alpine:3.20", "--variant", "packages", ...from, "-t", name];
      await sandbox.json([...build, "-o", "docker-daemon:", "-o", "rootfs:own"]);

      const listing = (folder: string) =>
        execFileSync("find", [".", "-printf", "%p %y %m %U:%G %l\n"], { cwd: folder, encoding: "utf8" }).split("\n");
      const [ours, theirs] = [new Set(listing(sandbox.work("own"))), new Set(listing(official))];
      // Of changed accounts the files before are kept.
      const further = [...ours].filter((line) => !theirs.has(line));
      expect(further.map((line) => line.split(" ")[0]).sort()).toEqual(
        ["group-", "passwd-", "shadow-"].map((each) => `./etc/${each}`),
      );
      const missing = [...theirs].filter((line) => !ours.has(line));
      expect(missing.map((line) => line.split(" ")[0]).sort()).toEqual(NOBODYS);
      const { stdout: compared } = spawnSync("diff", ["-rq", "--no-dereference", "own", "root"], {
        cwd: sandbox.work("."),
        encoding: "utf8",
      });
      const different = [...compared.matchAll(/^Files own\/(\S+) and /gm)].map(([, path]) => path);
      // The script of busybox makes an account, which Alpine leaves out; packages made again have other checksums.
      const databases = ["installed", "scripts.tar", "triggers"].map((each) => `lib/apk/db/${each}`);
      expect(different).toEqual(["etc/group", "etc/passwd", "etc/shadow", ...databases]);
      const script = "apk audit --system; apk info | wc -l; cat /etc/apk/world";
      expect(images.run(name, "sh", "-c", script).split("\n")).toEqual([
        `${packages.length}`,
        ...["alpine-baselayout", "alpine-keys", "apk-tools", "busybox", "libc-utils"],
      ]);
    } finally {
      images.remove();
      sandbox.dispose();
    }
  });
});

/** The packages of a root filesystem, made again from its files and apk's database. */
function packagesOf(root: string): readonly DescribedApk[] {
  const read = (path: string) => readFileSync(join(root, "lib/apk/db", path), "utf8");
  const scripts = execFileSync("tar", ["-tf", join(root, "lib/apk/db/scripts.tar")], { encoding: "utf8" }).split("\n");
  const triggers = new Map(
    read("triggers")
      .split("\n")
      .map((line) => [line.split(" ")[0], line.replace(/^\S+ /, "")]),
  );
  return read("installed")
    .split("\n\n")
    .filter((stanza) => stanza.trim() !== "")
    .map((stanza) => {
      const field = (letter: string) => new RegExp(`^${letter}:(.*)$`, "m").exec(stanza)?.[1];
      const [name = "", version = "", checksum = ""] = ["P", "V", "C"].map(field);
      const list = (key: string, letter: string) =>
        (field(letter) ?? "")
          .split(" ")
          .filter(Boolean)
          .map((each) => `${key} = ${each}`);
      const patterns = triggers.get(checksum);
      const own = scripts.filter((each) => each.startsWith(`${name}-${version}.${checksum}.`));
      const contentOf = (script: string) =>
        execFileSync("tar", ["-xOf", join(root, "lib/apk/db/scripts.tar"), script], { encoding: "utf8" });
      return {
        name,
        version,
        origin: field("o") ?? name,
        architecture: ALPINE_ARCHITECTURE,
        further: entriesOf(stanza, root),
        info: [
          ...list("depend", "D"),
          ...list("provides", "p"),
          ...list("install_if", "i"),
          ...list("replaces", "r"),
          ...list("replaces_priority", "q"),
          ...list("provider_priority", "k"),
          ...(patterns === undefined ? [] : [`triggers = ${patterns}`]),
        ],
        scripts: Object.fromEntries(own.map((each) => [each.slice(each.lastIndexOf(".") + 1), contentOf(each)])),
      };
    });
}

/** Folders and files of a package, as its stanza has them. */
function entriesOf(stanza: string, root: string): readonly RawEntry[] {
  let folder = "";
  return stanza.split("\n").flatMap((line): RawEntry[] => {
    const [kind, rest] = [line.slice(0, 2), line.slice(2)];
    if (kind !== "F:" && kind !== "R:") return [];
    if (kind === "F:") folder = rest;
    const path = kind === "F:" ? rest : join(folder, rest);
    if (path === "") return [];
    const place = join(root, path);
    // What belongs into /dev is not in a minirootfs.
    const stat = lstatSync(place, { throwIfNoEntry: false });
    if (stat === undefined) return kind === "F:" ? [{ path: `${path}/`, type: "5", mode: 0o755 }] : [];
    const mode = stat.mode & 0o7777;
    if (stat.isDirectory()) return [{ path: `${path}/`, type: "5", mode }];
    if (stat.isSymbolicLink()) return [{ path, type: "2", mode: 0o777, target: readlinkSync(place) }];
    return [{ path, mode, content: readFileSync(place) }];
  });
}
