import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { hostPlatform, parseLockFile, type Rootfs, type Segment, textFromBytes } from "@base-kit/core";
import { createContext } from "@base-kit/host";
import { describeRootfs, directorySegment, mergedEntries, readTextFile, tarSegment } from "@base-kit/rootfs";
import { createStore } from "@base-kit/store";
import {
  createUbuntuMirror,
  debootstrapTree,
  locationOf,
  podmanIn,
  readContent,
  requires,
  type UbuntuMirror,
} from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createSandbox, type Sandbox } from "./run-cli.ts";
import { type TestImages, testImages } from "./test-images.ts";

const TOOLS = ["debootstrap", "gpg", "gpgv", "xz", "tar", "unshare", "root", "debian-mirror", "docker"] as const;
const REPOSITORY = fileURLToPath(new URL("../../..", import.meta.url));

interface ImageJson {
  readonly id: string;
  readonly outputs: readonly { readonly to: string; readonly id: string }[];
}

describe.skipIf(requires(...TOOLS).skip)("a distribution made by debootstrap", { timeout: 240_000 }, () => {
  let sandbox: Sandbox;
  let images: TestImages;
  /** Names of images. */
  let name: string;
  let focal: string;
  let built: ImageJson;
  let mirror: UbuntuMirror;
  let left: readonly string[];

  // Both at once: debootstrap uses one processor.
  beforeAll(async () => {
    sandbox = createSandbox();
    images = testImages();
    [name, focal] = [images.fresh(), images.fresh()];
    const bookworm = ["build", "debootstrap:bookworm", "--mirror", archive(), "-t", name];
    const outputs = ["docker-daemon:", "tar:bookworm.tar", "docker-archive:bookworm-archive.tar"];
    const building = sandbox.json<ImageJson>([
      ...[...bookworm, "--compression", "none", "--lockfile", "bookworm.lock", "--sbom", "bookworm.spdx.json"],
      ...outputs.flatMap((output) => ["-o", output]),
    ]);
    mkdirSync(sandbox.work("mirror"));
    mirror = await createUbuntuMirror(sandbox.work("mirror"));
    [built] = await Promise.all([building, sandbox.json([...buildFocal(), "-t", focal, "-o", "docker-daemon:"])]);
    left = [...(await sandbox.leftovers()), ...readdirSync(sandbox.work(""))];
  }, 240_000);
  afterAll(() => {
    images.remove();
    sandbox.dispose();
  });

  const archive = () => locationOf("debian-mirror").replace(/\/+$/, "");
  const buildFocal = () => ["build", "debootstrap:focal", "--mirror", mirror.dir, "--keyring", mirror.keyring];

  test("leaves nothing but its outputs", () => {
    const outputs = ["bookworm-archive.tar", "bookworm.lock", "bookworm.spdx.json", "bookworm.tar"];
    expect(left.toSorted()).toEqual([...outputs, "mirror"]);
  });

  test("is what debootstrap makes by hand, but for the tweaks", async () => {
    const env = { ...process.env, TMPDIR: sandbox.dir };
    await using context = await createContext({ createStore, cacheDir: sandbox.dir, env });
    const describeTree = (segment: Segment) => describeRootfs([segment], hostPlatform());
    using tree = await debootstrapTree("bookworm");
    const byHand = await describeTree(await directorySegment(tree.dir, context));
    const found = await describeTree(await tarSegment(sandbox.work("bookworm.tar"), context));
    expect(difference(await contents(byHand), await contents(found))).toEqual({
      changed: ["etc/hostname", "etc/resolv.conf", "etc/shadow"],
      added: [
        "etc/apt/apt.conf.d/docker-autoremove-suggests",
        "etc/apt/apt.conf.d/docker-clean",
        "etc/apt/apt.conf.d/docker-gzip-indexes",
        "etc/apt/apt.conf.d/docker-no-languages",
        "etc/dpkg/dpkg.cfg.d/docker-apt-speedup",
        "usr/sbin/policy-rc.d",
        "var/lib/apt/extended_states",
      ],
      removed: [
        "dev/*",
        "run/mount",
        "var/cache/apt/*",
        "var/cache/ldconfig/aux-cache",
        "var/lib/apt/lists/*",
        "var/log/alternatives.log",
        "var/log/bootstrap.log",
        "var/log/dpkg.log",
      ],
    });
    const status = await readTextFile(byHand, "var/lib/dpkg/status");
    expect(await readTextFile(found, "var/lib/dpkg/status")).toBe(status);
    expect(await readTextFile(found, "etc/apt/sources.list")).toBe(`deb ${archive()} bookworm main\n`);
    expect(found.osRelease).toMatchObject({ ID: "debian", VERSION_CODENAME: "bookworm" });

    const [locked] = parseLockFile(readFileSync(sandbox.work("bookworm.lock"), "utf8"), "bookworm.lock").platforms;
    expect(locked?.lock.inputs.map(({ url }) => url)).toContain(`${archive()}/dists/bookworm/InRelease`);
    const newest = Math.max(...mergedEntries(found).map(({ mtime }) => mtime));
    expect(newest).toBeLessThanOrEqual(locked?.lock.sourceDateEpoch ?? 0);
    const { packages } = JSON.parse(readFileSync(sandbox.work("bookworm.spdx.json"), "utf8")) as Spdx;
    const listed = packages.filter(({ externalRefs = [] }) =>
      externalRefs.some(({ referenceLocator }) => referenceLocator.startsWith("pkg:deb/debian/")),
    );
    expect(listed).toHaveLength(status?.match(/^Package: /gm)?.length ?? 0);
    for (const { checksums } of listed)
      expect(checksums).toEqual([{ algorithm: "SHA256", checksumValue: expect.stringMatching(/^[0-9a-f]{64}$/) }]);
  });

  test("runs, as one image in the engine and in the file", async () => {
    expect(images.run(name, "cat", "/etc/os-release")).toContain("VERSION_CODENAME=bookworm");
    expect(images.inspect(name)).toMatchObject({ Id: built.id, Config: { Cmd: ["bash"] } });
    expect(images.inspect(name).RootFS.Layers).toEqual([built.outputs[1]?.id]);
    const digest = execFileSync("sha256sum", [sandbox.work("bookworm.tar")])
      .toString()
      .slice(0, 64);
    expect(built.outputs[1]?.id).toBe(`sha256:${digest}`);
  });

  // Not compressed; Alpine's is, in archive-clients.system.test.ts.
  test.skipIf(requires("podman", "ctr", "skopeo", "umoci").skip)(
    "is loaded from its archive by docker, podman, containerd, skopeo and umoci",
    () => {
      const { id } = built;
      const work = mkdtempSync(join(sandbox.dir, "clients-"));
      const archive = sandbox.work("bookworm-archive.tar");
      const run = (program: string, ...args: readonly string[]) =>
        execFileSync(program, args, { env: { ...process.env, HOME: work, TMPDIR: work }, stdio: "pipe" }).toString();
      // An engine does not look at layers that it has.
      images.docker(["image", "rm", "--force", name]);
      images.docker(["load", "--input", archive]);
      expect(images.inspect(name).Id).toBe(id);

      const { podman } = podmanIn(work);
      podman("load", "--input", archive);
      expect(`sha256:${podman("image", "inspect", "--format", "{{.Id}}", name)}`).toBe(id);

      const namespace = `base-kit-test-bookworm-${process.pid}`;
      const ctr = (...args: readonly string[]) => run("ctr", "--address", locationOf("ctr"), "-n", namespace, ...args);
      try {
        ctr("images", "import", archive);
        expect(ctr("images", "check", `name==docker.io/${name}:latest`)).toMatch(/complete \(\d+\/\d+\).*true/);
      } finally {
        ctr("images", "rm", "--sync", `docker.io/${name}:latest`);
        run("ctr", "--address", locationOf("ctr"), "namespaces", "rm", namespace);
      }

      const layout = join(work, "layout");
      const asItIs = ["--insecure-policy", "--quiet", "--dest-oci-accept-uncompressed-layers"];
      run("skopeo", "copy", ...asItIs, `oci-archive:${archive}`, `oci:${layout}:x`);
      expect(JSON.parse(run("skopeo", "inspect", "--raw", `oci:${layout}:x`)).config.digest).toBe(id);
      run("umoci", "unpack", "--image", `${layout}:x`, join(work, "bundle"));
      const osRelease = readFileSync(join(work, "bundle/rootfs/usr/lib/os-release"), "utf8");
      expect(osRelease).toContain("VERSION_CODENAME=bookworm");
    },
  );

  test("is what stands behind FROM: packages can be installed on it", () => {
    const context = sandbox.work("context");
    mkdirSync(context);
    writeFileSync(
      join(context, "Dockerfile"),
      `FROM ${name}\nRUN apt-get update && apt-get install -y --no-install-recommends hello\nCMD ["hello"]\n`,
    );
    const child = images.fresh();
    images.docker(["build", "--network", "host", "--tag", child, context]);
    expect(images.run(child)).toBe("Hello, world!");
  });

  test("can be imported Docker's old way from the file, and has something to run", async () => {
    const imported = images.fresh();
    const args = ["import", "bookworm.tar", imported, "--import-mode", "import", "--label", "from=tar"];
    const { id } = await sandbox.json<ImageJson>(args);
    expect(images.inspect(imported)).toMatchObject({
      Id: id,
      Config: { Cmd: ["/bin/bash"], Labels: { from: "tar" } },
      RootFS: { Layers: images.inspect(name).RootFS.Layers },
    });
    expect(images.run(imported, "dpkg", "--print-architecture")).toMatch(/^\w+$/);
  });

  test("as a running machine is imported without what runs, is mounted or belongs to an engine", async () => {
    const root = mkdtempSync(join(sandbox.dir, "machine-"));
    execFileSync("tar", ["-C", root, "-p", "--numeric-owner", "-xf", sandbox.work("bookworm.tar")]);
    const socket = locationOf("docker").replace(/^unix:\/\//, "");
    const machine = images.fresh();
    const through = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", MACHINE, "sh"];
    const outcome = await sandbox.run([], { through: [...through, root, REPOSITORY, socket, machine] });
    expect(outcome).toMatchObject({ exitCode: 0 });
    expect(outcome.stderr).toMatch(
      /left out, because it is mounted there: \/dev, \/mnt\/data, \/proc, \/run, \/sys, \/tmp/,
    );
    expect(images.run(machine, "cat", "/etc/os-release")).toContain("VERSION_CODENAME=bookworm");
    expect(images.run(machine, "stat", "--format=%a", "/tmp", "/var/tmp", "/run")).toBe("1777\n1777\n755");
    expect(images.run(machine, "cat", "/srv/kept")).toBe("of the machine");

    const container = images.docker(["create", machine]);
    try {
      images.docker(["export", "--output", sandbox.work("machine.tar"), container]);
    } finally {
      images.docker(["rm", container]);
    }
    const paths = execFileSync("tar", ["-tf", sandbox.work("machine.tar")], { maxBuffer: 2 ** 28 }).toString();
    expect(paths.split("\n").filter((path) => /secret/.test(path))).toEqual([]);
    expect(paths.split("\n").filter((path) => /^(?:proc|sys|run|tmp|var\/tmp|mnt\/data)\/./.test(path))).toEqual([]);
    expect(paths).toContain("var/lib/dpkg/status\n");
    expect(await sandbox.leftovers()).toEqual([]);
  });

  test("may be Ubuntu, as in Docker's guide", () => {
    expect(images.run(focal, "cat", "/etc/lsb-release")).toMatch(/^DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=20\.04\n/);
  });

  test.each([
    ["retrieving", "SIGTERM", 143],
    ["extracting", "SIGINT", 130],
  ] as const)("is left while %s, by %s, without a process, a mount or a file", async (phase, signal, exitCode) => {
    writeFileSync(sandbox.work("old.tar"), "old");
    const running = sandbox.start([...buildFocal(), "-o", "docker-archive:old.tar", "--progress", "json"]);
    await running.told(new RegExp(`"step\\.started"[^\n]*"title":"${phase}`));
    running.child.kill(signal);
    expect(await running.ended).toMatchObject({ exitCode, stdout: "", stderr: expect.stringContaining("INTERRUPTED") });
    expect(await sandbox.leftovers()).toEqual([]);
    expect(readFileSync(sandbox.work("old.tar"), "utf8")).toBe("old");
  });
});

/** Of an SBOM, as far as this looks at it. */
interface Spdx {
  readonly packages: readonly {
    readonly externalRefs?: readonly { readonly referenceLocator: string }[];
    readonly checksums?: readonly object[];
  }[];
}

/** Everything about each path but its time. */
async function contents(rootfs: Rootfs): Promise<ReadonlyMap<string, string>> {
  const result = new Map<string, string>();
  for (const { mtime: _, ...entry } of mergedEntries(rootfs)) {
    const bytes = entry.type === "file" ? await readContent(entry.content()) : Buffer.alloc(0);
    const content = createHash("sha256").update(bytes).digest("hex");
    result.set(textFromBytes(entry.path), JSON.stringify({ ...entry, xattrs: [...(entry.xattrs ?? [])], content }));
  }
  return result;
}

/** Folders that lost all their content are told once. */
function difference(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>) {
  const emptied = ["dev", "var/cache/apt", "var/lib/apt/lists"];
  const shown = (path: string) => {
    const folder = emptied.find((each) => path.startsWith(`${each}/`));
    return folder === undefined ? path : `${folder}/*`;
  };
  const paths = (list: readonly string[]) => [...new Set(list.map(shown))].sort();
  return {
    changed: paths([...before.keys()].filter((path) => after.has(path) && before.get(path) !== after.get(path))),
    added: paths([...after.keys()].filter((path) => !before.has(path))),
    removed: paths([...before.keys()].filter((path) => !after.has(path))),
  };
}

/**
 * A machine that runs: a tree with the file systems of one, and base-kit inside. What must not be in the image is called
 * secret. Everything mounted goes with the mount namespace.
 */
const MACHINE = `
root=$1 repository=$2 socket=$3 name=$4 node=$5
for folder in var/tmp var/lib/docker/overlay2/x/diff var/lib/containers/storage; do
  mkdir -p "$root/$folder"; touch "$root/$folder/secret"
done
printf "of the machine" >"$root/srv/kept"
mkdir "$root/mnt/data"
mount -t tmpfs -o mode=755 none "$root/run"
mount -t tmpfs none "$root/tmp"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount --rbind /dev "$root/dev"
mkdir "$root/run/secret" "$root/run/repository"
touch "$root/tmp/secret" "$root/run/secret/secret" "$root/run/node" "$root/run/docker.sock"
mount --bind "$root/run/secret" "$root/mnt/data"
mount --bind -o ro "$repository" "$root/run/repository"
mount --bind "$node" "$root/run/node"
mount --bind "$socket" "$root/run/docker.sock"
exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
  /run/node /run/repository/packages/cli/bin/base-kit.js import / "$name"
`;
