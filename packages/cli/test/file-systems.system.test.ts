import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { requires } from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createSandbox, type Outcome, type Sandbox } from "./run-cli.ts";

let sandbox: Sandbox;
beforeAll(() => {
  sandbox = createSandbox();
  mkdirSync(sandbox.work("tree/etc"), { recursive: true });
  writeFileSync(sandbox.work("tree/etc/hostname"), "box\n");
  writeFileSync(sandbox.work("tree/large"), Buffer.alloc(3_000_000, "text "));
  symlinkSync("large", sandbox.work("tree/link"));
});
afterAll(() => sandbox.dispose());

const EVERYTHING = [
  ...["import", "tree", "demo/tree:1", "--source-date-epoch", "2000000000", "--sbom", "out/list.spdx.json"],
  ...[
    "-o",
    "oci:out/layout",
    "-o",
    "docker-archive:out/image.tar",
    "-o",
    "rootfs:out/tree",
    "-o",
    "tar:out/tree.tar.gz",
  ],
];

describe.skipIf(requires("root", "unshare", "tar").skip)("where what is read, kept and written lies", () => {
  /** Runs base-kit with mounts that only it sees, and gives what is in `out` afterwards as a tar. */
  async function within(mounts: string, args: readonly string[]): Promise<Outcome> {
    for (const name of ["out", "../cache", "../tmp"]) {
      rmSync(sandbox.work(name), { recursive: true, force: true });
      mkdirSync(sandbox.work(name));
    }
    const script = `dir=$1; shift; cd "$dir/work"; ${mounts}; cd "$dir/work"; "$@" >&2; code=$?
      tar -C out --sort=name --mtime=@0 -c .; exit $code`;
    const through = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", sandbox.dir];
    return sandbox.run(args, { through });
  }

  let expected: Outcome | undefined;
  test.each([
    ["on a file system each", 'for each in "$dir/cache" "$dir/tmp" out tree; do OWN; done'],
    [
      "on one of layers, as in a container",
      'mount -t tmpfs none /mnt && mkdir /mnt/up /mnt/work && mount -t overlay none -o "lowerdir=$dir,upperdir=/mnt/up,workdir=/mnt/work" "$dir"',
    ],
    ["on a machine without /proc", "mount -t tmpfs none /proc"],
  ])("%s, it is the same", async (_where, mounts) => {
    // A file system of its own with what was there before.
    const own =
      'cp -a "$each" /tmp/copy-$$ && mount -t tmpfs -o mode=755 none "$each" && cp -a /tmp/copy-$$/. "$each" && rm -r /tmp/copy-$$';
    expected ??= await within(":", EVERYTHING);
    expect(expected).toMatchObject({ exitCode: 0 });
    const found = await within(mounts.replace("OWN", own), EVERYTHING);
    expect(found).toMatchObject({ exitCode: 0 });
    expect(found.bytes.length).toBeGreaterThan(3_000_000);
    expect(found.bytes.equals(expected.bytes)).toBe(true);
  });

  test("a mount point is no directory that could be replaced", async () => {
    for (const mount of ["mount -t tmpfs none out", "mount --bind out out"]) {
      const outcome = await within(mount, ["import", "tree", "demo/tree:1", "-o", "rootfs:out"]);
      expect(outcome).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/^error: .*: it is a mount point/) });
    }
  });
});
