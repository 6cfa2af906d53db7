import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { requires } from "@base-kit/testing";
import { describe, expect, test } from "vitest";

const { skip } = requires("unshare", "root");
const module = JSON.stringify(new URL("../src/remove-tree.ts", import.meta.url).href);

/** Removes `/mnt/tree` in a mount namespace of its own, after a script has prepared it. */
function removeAfter(prepare: string): string {
  const remove = `const { removeTree } = await import(${module});
    try { removeTree("/mnt/tree"); console.log("removed"); } catch (error) { console.log(error.code + " " + error.message); }`;
  const script = `mount -t tmpfs none /mnt && mkdir -p /mnt/tree/a/b /mnt/other && echo kept > /mnt/other/file && ${prepare}
    "$1" --conditions=@base-kit/source --import tsx --input-type=module -e "$2"; find /mnt -type f | sort`;
  const cwd = fileURLToPath(new URL("../../..", import.meta.url));
  const { stdout, stderr } = spawnSync("unshare", ["--mount", "sh", "-c", script, "sh", process.execPath, remove], {
    encoding: "utf8",
    cwd,
  });
  return stdout || stderr;
}

describe.skipIf(skip)("a tree", () => {
  test("without mounts is removed", () => {
    expect(removeAfter("touch /mnt/tree/a/b/file")).toBe("removed\n/mnt/other/file\n");
  });

  test("in which something is mounted is not touched", () => {
    const prepared = "touch /mnt/tree/first && mount --bind /mnt/other /mnt/tree/a/b";
    expect(removeAfter(prepared)).toBe(
      "REMOVE_MOUNTED /mnt/tree is not removed: /mnt/tree/a/b is mounted in it\n/mnt/other/file\n/mnt/tree/a/b/file\n/mnt/tree/first\n",
    );
  });

  test("in which something with a blank in its name is mounted, neither", () => {
    const prepared = "mkdir '/mnt/tree/a b' && mount --bind /mnt/other '/mnt/tree/a b'";
    expect(removeAfter(prepared)).toContain('"/mnt/tree/a b" is mounted in it\n/mnt/other/file\n/mnt/tree/a b/file\n');
  });

  test("that is itself a mount, neither", () => {
    expect(removeAfter("mount --bind /mnt/other /mnt/tree")).toContain("REMOVE_MOUNTED");
  });
});
