import { existsSync, mkdirSync, readFileSync, rmdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { requires } from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createSandbox, type Sandbox } from "./run-cli.ts";

const MIB = 1024 ** 2;
const LIMIT = 250 * MIB;
/** More than there is memory for, in holes: what is tested is how much is held and not how fast a disk is. */
const FILES = 16;
const FILE_SIZE = 24 * MIB;

/** Version 1, which is about memory alone, and version 2, where the parent has to hand memory out. */
const CGROUPS = [
  ["/sys/fs/cgroup/memory", "memory.limit_in_bytes"],
  ["/sys/fs/cgroup", "memory.max"],
] as const;

describe.skipIf(requires("tar").skip)("in 250 MiB of memory, a root filesystem of 400 MB", () => {
  let sandbox: Sandbox;
  let cgroup: string | undefined;
  beforeAll(() => {
    sandbox = createSandbox();
    mkdirSync(sandbox.work("tree"));
    for (let at = 0; at < FILES; at++) {
      const path = sandbox.work(`tree/${at}`);
      writeFileSync(path, String(at));
      truncateSync(path, FILE_SIZE);
    }
    cgroup = limitedCgroup();
  });
  afterAll(() => {
    sandbox.dispose();
    if (cgroup !== undefined) rmdirSync(cgroup);
  });

  test.each([
    ["is packed", ["pack", "tree", "packed.tar"]],
    ["becomes a compressed image", ["import", "tree", "demo/large:1", "-o", "docker-archive:image.tar"]],
  ])("%s", async (_what, args) => {
    const within = cgroup === undefined ? [] : ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', cgroup];
    const outcome = await sandbox.run(args, {
      through: within,
      env: { NODE_OPTIONS: TELL_PEAK, PEAK: sandbox.work("peak") },
    });
    expect(outcome).toMatchObject({ exitCode: 0 });
    expect(Number(readFileSync(sandbox.work("peak"), "utf8")) * 1024).toBeLessThan(LIMIT);
  });
});

/** Whoever wants more than it has is killed. Where none can be made, what the process tells of itself has to do. */
function limitedCgroup(): string | undefined {
  for (const [parent, limit] of CGROUPS) {
    const path = join(parent, `base-kit-test-${process.pid}`);
    try {
      mkdirSync(path);
    } catch {
      continue;
    }
    if (existsSync(join(path, limit))) {
      writeFileSync(join(path, limit), String(LIMIT));
      return path;
    }
    rmdirSync(path);
  }
  return undefined;
}

/** The peak of its resident memory, in KiB, which some programs of a machine leave behind when they end. */
const TELL_PEAK = `--import=data:text/javascript,${encodeURIComponent(
  `import { writeFileSync } from "node:fs";
   process.on("exit", () => writeFileSync(process.env.PEAK, String(process.resourceUsage().maxRSS)));`,
)}`;
