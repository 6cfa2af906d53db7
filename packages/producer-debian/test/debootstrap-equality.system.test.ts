import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { hostPlatform, type Rootfs, textFromBytes } from "@base-kit/core";
import { createContext, type HostContext } from "@base-kit/host";
import { describeRootfs, directorySegment, mergedEntries, readTextFile } from "@base-kit/rootfs";
import { createStore } from "@base-kit/store";
import { writeTar } from "@base-kit/tar";
import { debootstrapTree, locationOf, readContent, requires } from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { debian } from "../src/index.ts";

const run = promisify(execFile);

/** Of each side of a difference, in characters. */
const SHOWN = 300;

/** What may differ from debootstrap's tree, and why. Everything else fails. */
const ALLOWED: readonly (readonly [path: RegExp, why: string])[] = [
  [/^dev\//, "debootstrap makes device nodes, which every engine brings itself"],
  [/^etc\/(?:hostname|resolv\.conf)$/, "debootstrap copies those of the build machine"],
  [/^etc\/shadow-?$/, "the day of the build stands in it; here that of the image"],
  [/^run\/mount$/, "left by the mounts that debootstrap makes"],
  [/^var\/cache\/apt\/archives\/.+\.deb$/, "the packages that debootstrap keeps"],
  [/^var\/lib\/apt\/lists\/./, "the package lists that debootstrap keeps"],
  [/^var\/log\/(?:bootstrap|dpkg|alternatives)\.log$/, "logs, with times"],
  [/^var\/cache\/ldconfig\/aux-cache$/, "inode numbers of the machine"],
  [
    /^var\/lib\/dpkg\/(?:available|cmethopt|status-old)$/,
    "traces of debootstrap's calls of dpkg, which dpkg makes again",
  ],
  [
    /^var\/cache\/debconf\/(?:config|templates)\.dat(?:-old)?$/,
    "names the owner of a question once for each call of dpkg",
  ],
];

describe.skipIf(requires("debootstrap", "unshare", "root", "debian-mirror").skip)(
  "Debian against the real debootstrap",
  { timeout: 600_000 },
  () => {
    let dir: string;
    let context: HostContext;

    beforeAll(async () => {
      dir = mkdtempSync(join(tmpdir(), "base-kit-test-"));
      context = await createContext({ createStore, cacheDir: dir, env: { ...process.env, TMPDIR: dir } });
    });
    afterAll(async () => {
      await context[Symbol.asyncDispose]();
      rmSync(dir, { recursive: true, force: true });
    });

    const mirror = () => locationOf("debian-mirror").replace(/\/+$/, "");
    async function build(options: object, { within = context, release = "bookworm" } = {}): Promise<Rootfs> {
      const parsed = (await debian.schema()).parse({ mirror: mirror(), compat: "debootstrap", ...options });
      const request = { release, platform: hostPlatform(), sourceDateEpoch: undefined, options: parsed };
      return debian.produce(await debian.resolve(request, within), within);
    }

    async function contentsByHand(suite: string) {
      using tree = await debootstrapTree(suite);
      const rootfs = await describeRootfs([await directorySegment(tree.dir, context)], hostPlatform());
      return { ...rootfs, contents: await contents(rootfs), status: await readTextFile(rootfs, "var/lib/dpkg/status") };
    }

    test.each(["bookworm", "trixie"])("the tree of %s is the same, path by path", async (release) => {
      const [expected, found] = await Promise.all([
        contentsByHand(release),
        build({ configure: "chroot", tweaks: ["none"] }, { release }),
      ]);
      const different = differences(expected.contents, await contents(found));
      expect(different.filter(({ path }) => !ALLOWED.some(([pattern]) => pattern.test(path)))).toEqual([]);
      // A reason that no longer applies goes.
      expect(ALLOWED.filter(([pattern]) => !different.some(({ path }) => pattern.test(path)))).toEqual([]);
      expect(await readTextFile(found, "var/lib/dpkg/status")).toBe(expected.status);
      expect(found.packages.map(({ name, version }) => `${name} ${version}`)).toEqual(
        expected.packages.map(({ name, version }) => `${name} ${version}`),
      );
      for (const { sha256 } of found.packages) expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    });

    test.each(["userns", ...(requires("docker").skip ? [] : ["container"])])(
      "in %s it is the same",
      async (configure) => {
        const [byRoot, other] = await Promise.all([
          build({ configure: "chroot" }).then(contents),
          build({ configure }, { within: withoutConfigured(context) }).then(contents),
        ]);
        expect(differences(byRoot, other)).toEqual([]);
      },
    );

    // The packages have been fetched by now, and configured once for each way.
    test.skipIf(requires("docker").skip)("an engine runs it, and apt and dpkg are content", async () => {
      const rootfs = await build({ configure: "chroot" });
      const name = `base-kit-test-debian-${process.pid}`;
      try {
        const importing = spawn("docker", ["import", "-", name], { stdio: ["pipe", "ignore", "inherit"] });
        const imported = new Promise((resolve) => importing.on("close", resolve));
        await pipeline(writeTar(mergedEntries(rootfs)), importing.stdin);
        expect(await imported).toBe(0);
        const { stdout } = await run("docker", ["run", "--rm", "--network", "host", name, "sh", "-ec", CHECKS]);
        expect(stdout.split("\n")).toEqual([
          "bookworm",
          "uid=0(root) gid=0(root) groups=0(root)",
          "root:x:0:0:root:/root:/bin/bash",
          "audit:",
          "verify:",
          "libc found",
          "UTC",
          "passwords:",
          "Hello, world!",
          "",
        ]);
      } finally {
        await run("docker", ["rmi", "--force", name]).catch(() => {});
      }
    });
  },
);

const CHECKS = `
. /etc/os-release; echo $VERSION_CODENAME
id
getent passwd root
echo "audit:$(dpkg --audit)"
echo "verify:$(dpkg --verify)"
ldconfig -p | grep -q 'libc.so.6 ' && echo libc found
date +%Z
echo "passwords:$(cut -d: -f2 /etc/passwd | grep -vx x; cut -d: -f2 /etc/shadow | grep -v '^[*!]')"
{ apt-get check && apt-get update && apt-get install -y --no-install-recommends hello; } >/tmp/log 2>&1 || cat /tmp/log
hello
`;

/** Whose store does not know what scripts did before. */
function withoutConfigured(context: HostContext): HostContext {
  const recall: HostContext["store"]["recall"] = async (key) =>
    key.startsWith("debian-configured:") ? undefined : context.store.recall(key);
  return { ...context, store: { ...context.store, recall } };
}

/** Everything about each path but its time. What is not short is told by its digest: a tree as text takes seconds to write. */
async function contents(rootfs: Rootfs): Promise<ReadonlyMap<string, string>> {
  const result = new Map<string, string>();
  for (const entry of mergedEntries(rootfs)) {
    const { type, mode, uid, gid } = entry;
    const bytes = type === "file" ? await readContent(entry.content()) : Buffer.alloc(0);
    const content = bytes.length <= SHOWN ? bytes.toString("latin1") : createHash("sha256").update(bytes).digest("hex");
    const target = "target" in entry ? entry.target : "";
    const device = "major" in entry ? [entry.major, entry.minor] : [];
    const xattrs = [...(entry.xattrs ?? [])];
    result.set(textFromBytes(entry.path), JSON.stringify({ type, mode, uid, gid, target, device, xattrs, content }));
  }
  return result;
}

function differences(expected: ReadonlyMap<string, string>, found: ReadonlyMap<string, string>) {
  const shown = (text: string | undefined) => (text === undefined ? "nothing" : text.slice(0, SHOWN));
  return [...new Set([...expected.keys(), ...found.keys()])]
    .filter((path) => expected.get(path) !== found.get(path))
    .map((path) => ({ path, expected: shown(expected.get(path)), found: shown(found.get(path)) }));
}
