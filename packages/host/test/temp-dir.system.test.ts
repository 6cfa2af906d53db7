import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, statSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createTempDir, removeTree } from "../src/index.ts";
import { sweepTempDirs } from "../src/temp-dir.ts";

let parent: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "temp-test-"));
});
afterEach(() => removeTree(parent));

/** What the name of a directory says of the process that made it. */
interface Owner {
  readonly pid: number;
  readonly place: string;
  readonly start: string;
}

/** A directory as another process would have left it. */
function leftBy({ pid, place, start }: Owner, { ageDays = 0 } = {}): string {
  const path = join(parent, `base-kit-${pid}-${place}-${start}-abc123`);
  mkdirSync(join(path, "content"), { recursive: true });
  const time = Date.now() / 1000 - ageDays * 24 * 3600;
  utimesSync(path, time, time);
  return path;
}

function ownOwner(): Owner {
  const dir = createTempDir(parent);
  const [, , pid, place = "", start = ""] = basename(dir.path).split("-");
  dir.remove();
  return { pid: Number(pid), place, start };
}

test("is private, carries the process id, and is removed", () => {
  const dir = createTempDir(join(parent, "made", "when", "needed"));
  expect(dir.path).toMatch(new RegExp(`/base-kit-${process.pid}-[0-9a-f]{8}-\\d+-\\w+$`));
  expect(statSync(dir.path).mode & 0o777).toBe(0o700);
  dir.remove();
  expect(existsSync(dir.path)).toBe(false);
});

test("an unusable parent is named", () => {
  expect(() => createTempDir("/etc/hostname/x")).toThrowError(
    expect.objectContaining({
      code: "TEMP_DIR_UNUSABLE",
      kind: "environment",
      message: expect.stringContaining("/etc/hostname/x"),
    }),
  );
});

test("sweeping removes what a dead process left, and only that", () => {
  const own = ownOwner();
  const living = createTempDir(parent);
  const dead = leftBy({ ...own, pid: 4_190_000 });
  const recycled = leftBy({ ...own, start: "1" });
  const startUnknown = leftBy({ ...own, start: "0" });
  const elsewhere = leftBy({ ...own, pid: 4_190_001, place: "00000000" });
  const elsewhereOld = leftBy({ ...own, pid: 4_190_002, place: "00000000" }, { ageDays: 4 });
  mkdirSync(join(parent, "base-kit-mine"));
  sweepTempDirs(parent);
  expect([dead, recycled, elsewhereOld].filter(existsSync)).toEqual([]);
  const others = [living.path, startUnknown, elsewhere, join(parent, "base-kit-mine")];
  expect(others.filter((path) => !existsSync(path))).toEqual([]);
  living.remove();
});

test("sweeping a parent that does not exist is fine", () => {
  sweepTempDirs(join(parent, "missing"));
});

const root = fileURLToPath(new URL("../../..", import.meta.url));
const source = new URL("../src/index.ts", import.meta.url).href;

/** Runs a script that uses the package, in a process of its own. */
function start(script: string) {
  return spawn(
    process.execPath,
    ["--import", "tsx", "--conditions", "@base-kit/source", "--input-type=module", "-e", script],
    { cwd: root, stdio: ["ignore", "pipe", "ignore"] },
  );
}

test.each([
  ["an uncaught error", "throw new Error('oops')", 1],
  ["process.exit", "process.exit(7)", 7],
])("is removed at %s", async (_, end, expected) => {
  const child = start(
    `import { createTempDir } from ${JSON.stringify(source)};
     createTempDir(${JSON.stringify(parent)}); ${end};`,
  );
  const [code] = await once(child, "exit");
  expect(code).toBe(expected);
  expect(readdirSync(parent)).toEqual([]);
});

test("is swept by the next process when the first was killed", async () => {
  const child = start(
    `import { createTempDir } from ${JSON.stringify(source)}; createTempDir(${JSON.stringify(parent)});
     console.log("up"); setInterval(() => {}, 1000);`,
  );
  await once(child.stdout, "data");
  sweepTempDirs(parent);
  expect(readdirSync(parent)).toHaveLength(1);
  child.kill("SIGKILL");
  await once(child, "exit");
  sweepTempDirs(parent);
  expect(readdirSync(parent)).toEqual([]);
});
