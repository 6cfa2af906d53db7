import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import { writeTar } from "@base-kit/tar";
import { entriesFromText, requires } from "@base-kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { listTree } from "./listed-tree.ts";
import { createSandbox, type Sandbox } from "./run-cli.ts";
import { type TestImages, testImages } from "./test-images.ts";

/** What cp, scp and git lose: everything here has to arrive. */
const ODD = String.raw`
directory 755 0:0@1600000000 ./
directory 755 0:0@1600000000 bin/
file 4755 0:0@1600000000 bin/su "su"
file 2711 5:43@1600000000 bin/write "write"
file 755 0:0@1600000000 bin/ping "ping" {security.capability="\u0001\u0000\u0000\u0002\u0000 \u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000"}
directory 755 0:0@1600000000 nodes/
character-device 666 0:0@1600000000 nodes/null 1,3
block-device 660 0:6@1600000000 nodes/disk 254,0
fifo 600 0:0@1600000000 nodes/pipe
directory 755 0:0@1600000000 names/
file 644 0:0@1600000000 "names/caf\u00e9" "latin 1"
file 644 0:0@1600000000 "names/\u00ff\u00fe\u001b" "bytes"
file 644 0:0@1600000000 "names/new\nline" "two"
file 644 0:0@1600000000 "names/ *?[]\\'" "wild"
directory 1777 0:0@1600000000 shared/
file 644 1000:300000@1600000000 shared/first "one content"
hardlink 644 1000:300000@1600000000 shared/second => shared/first
file 600 0:0@1 shared/old "old"
file 644 0:0@5000000000 shared/future "2128"
file 644 0:0@1600000000 shared/attribute "a" {user.comment="kept"}
hardlink 644 1000:300000@1600000000 third => shared/first
symlink 777 0:0@1600000000 dangling -> /no/such/file
directory 700 0:0@1600000000 dev/
character-device 666 0:0@1600000000 dev/zero 1,5
`;

interface ImageJson {
  readonly id: string;
  readonly created: number;
}

let sandbox: Sandbox;
let images: TestImages;
beforeEach(() => {
  sandbox = createSandbox();
  images = testImages();
});
afterEach(() => {
  images.remove();
  sandbox.dispose();
});

/** Made by GNU tar, because Node can make neither devices nor xattrs. */
async function makeTree(): Promise<string> {
  const tree = sandbox.work("tree");
  mkdirSync(tree);
  const chunks = await Readable.from(writeTar(entriesFromText(ODD))).toArray();
  unpack(Buffer.concat(chunks), tree);
  return tree;
}

function unpack(tar: Buffer | string, into: string): void {
  const args = ["-C", into, "--numeric-owner", "-p", "--warning=no-timestamp", "--xattrs", "--xattrs-include=*", "-x"];
  if (typeof tar === "string") execFileSync("tar", [...args, "-f", tar]);
  else execFileSync("tar", [...args, "-f", "-"], { input: tar });
}

/** The xattrs that GNU tar finds, in the words of its own archive. */
function xattrsOf(dir: string): readonly string[] {
  const tar = execFileSync("tar", ["-C", dir, "--xattrs", "--xattrs-include=*", "-c", "."], {
    maxBuffer: 2 ** 28,
    encoding: "latin1",
  });
  return [...tar.matchAll(/SCHILY\.xattr\.[^\n]*\n/g)].map(([found]) => found).sort();
}

describe.skipIf(requires("tar", "root", "docker").skip)("a directory", () => {
  let socket: Server | undefined;
  afterEach(() => {
    socket?.close();
    socket = undefined;
  });

  test("arrives whole in the layer and in a container: links, owners, devices, xattrs, odd names", async () => {
    const tree = await makeTree();
    socket = createServer().listen(join(tree, "nodes/socket"));
    const name = images.fresh();
    const args = ["import", "tree", "--tag", name, "-o", "docker-daemon:", "-o", "tar:layer.tar", "--cmd", "/bin/su"];
    const { id } = await sandbox.json<ImageJson>(args);
    expect(images.inspect(name).Id).toBe(id);

    rmSync(join(tree, "nodes/socket"));
    rmSync(join(tree, "dev/zero"));
    const layer = sandbox.work("layer");
    mkdirSync(layer);
    unpack(sandbox.work("layer.tar"), layer);
    expect(withoutTimeOf(["nodes", "dev"], listTree(layer))).toBe(withoutTimeOf(["nodes", "dev"], listTree(tree)));
    expect(xattrsOf(layer)).toEqual(xattrsOf(tree));
    expect(xattrsOf(tree)).toHaveLength(2);

    const container = images.docker(["create", name]);
    try {
      images.docker(["export", "--output", sandbox.work("export.tar"), container]);
    } finally {
      images.docker(["rm", container]);
    }
    const exported = sandbox.work("exported");
    mkdirSync(exported);
    unpack(sandbox.work("export.tar"), exported);
    // What the engine adds to every container.
    for (const added of [".dockerenv", "etc", "proc", "sys"]) rmSync(join(exported, added), { recursive: true });
    for (const added of readdirSync(join(exported, "dev"))) rmSync(join(exported, "dev", added), { recursive: true });
    expect(withoutTimeOf([".", "nodes", "dev"], listTree(exported))).toBe(
      withoutTimeOf([".", "nodes", "dev"], listTree(tree)),
    );
    expect(xattrsOf(exported).filter((each) => each.includes("security.capability"))).toHaveLength(1);
  });

  test("is the same image through a tar of it, and on the next day", async () => {
    const tree = await makeTree();
    const first = await sandbox.json<ImageJson>(["import", "tree", "a", "-o", "oci:from-directory"]);
    const copy = ["-C", tree, "--xattrs", "--xattrs-include=*", "--warning=no-timestamp", "-cf", "tree.tar", "."];
    execFileSync("tar", copy, { cwd: sandbox.work("") });
    const second = await sandbox.json<ImageJson>(["import", "tree.tar", "a", "-o", "oci:from-tar"]);
    expect(second.id).toBe(first.id);
    // The newest file, not the time of the build.
    expect(first.created).toBe(5_000_000_000);
  });

  test("leaves out what is mounted in it, and what is excluded", async () => {
    const tree = sandbox.work("tree");
    for (const name of ["bound", "memory", "usr/share/man/man1", "kept"])
      mkdirSync(join(tree, name), { recursive: true });
    for (const name of ["file", "kept/file", "usr/share/man/man1/su.1", "kept/covered"]) {
      writeFileSync(join(tree, name), "below");
    }
    const secret = sandbox.work("secret");
    mkdirSync(secret);
    writeFileSync(join(secret, "key"), "secret");
    const mounting =
      'mount --bind "$1" "$2/bound" && mount -t tmpfs none "$2/memory" && echo secret >"$2/memory/key" && ' +
      'mount --bind "$1/key" "$2/kept/covered" && shift 2 && exec "$@"';
    const through = ["unshare", "--mount", "--propagation", "private", "sh", "-c", mounting, "sh", secret, tree];
    const args = ["import", "tree", "-o", "tar:out.tar", "--path-exclude", "/usr/share/man/*"];
    const outcome = await sandbox.run(args, { through });
    expect(outcome).toMatchObject({ exitCode: 0 });
    const listed = execFileSync("tar", ["-tf", sandbox.work("out.tar")])
      .toString()
      .split("\n")
      .filter(Boolean);
    expect(listed).toEqual([
      "./",
      "bound/",
      "file",
      "kept/",
      "kept/file",
      "memory/",
      "usr/",
      "usr/share/",
      "usr/share/man/",
    ]);
    expect(outcome.stderr).toMatch(/note: left out, .*bound.*kept\/covered.*memory/);
    expect(existsSync(join(tree, "memory/key"))).toBe(false);
    expect(await sandbox.leftovers()).toEqual([]);
  });
});

/** What was put into a folder and taken away again has changed its time. */
function withoutTimeOf(folders: readonly string[], listed: string): string {
  const names = folders.map((name) => (name === "." ? "." : `./${name}`));
  return listed
    .split("\n")
    .map((line) => {
      const fields = line.split("|");
      return names.includes(fields[0] ?? "") ? fields.with(4, "").join("|") : line;
    })
    .join("\n");
}
