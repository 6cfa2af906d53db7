import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { requires } from "@base-kit/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { copyAlpineMirror } from "./alpine-mirror.ts";
import { createSandbox, type Sandbox } from "./run-cli.ts";

const KILLS = 100;
/** Every so many, another build uses the same cache meanwhile, and somebody empties it: neither must disturb the other. */
const ACCOMPANIED = 5;
const EMPTIED = 3;

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = createSandbox();
});
afterEach(() => sandbox.dispose());

const hash = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");

test.skipIf(requires("alpine-mirror").skip)(
  `${KILLS} builds that are killed give no wrong output and break no cache; the next one succeeds and leaves nothing`,
  async () => {
    await copyAlpineMirror(sandbox.work("mirror"));
    const build = (name: string) =>
      [
        "build",
        "alpine:3.20",
        "--mirror",
        "mirror",
        "-o",
        `docker-archive:${name}.tar`,
        "-o",
        "oci:layout:x",
        "--quiet",
      ] as const;
    const started = performance.now();
    await sandbox.json([...build("good"), "--cache-dir", sandbox.work("other")]);
    const whole = performance.now() - started;
    const good = hash(sandbox.work("good.tar"));

    const kept = join(sandbox.dir, "cache/base-kit/sha256");
    for (let kill = 0; kill < KILLS; kill++) {
      // With an empty cache there is most to write.
      if (kill % EMPTIED === 0) rmSync(kept, { recursive: true, force: true });
      const running = sandbox.start(build("out"));
      const other = kill % ACCOMPANIED === 0 ? sandbox.start(build("beside")) : undefined;
      // All of a build's time is covered, in an order that is not that of the builds.
      await sleep(whole * ((kill * 7) % KILLS) * (1.1 / KILLS));
      running.child.kill("SIGKILL");
      await running.ended;
      if (existsSync(sandbox.work("out.tar"))) expect(hash(sandbox.work("out.tar"))).toBe(good);
      if (other === undefined) continue;
      expect(await sandbox.run(["cache", "prune", "--max-size", "0"])).toMatchObject({ exitCode: 0, stderr: "" });
      expect(await other.ended).toMatchObject({ exitCode: 0, stderr: "" });
      expect(hash(sandbox.work("beside.tar"))).toBe(good);
    }

    expect(await sandbox.run(build("out"))).toMatchObject({ exitCode: 0, stderr: "" });
    expect(hash(sandbox.work("out.tar"))).toBe(good);
    expect(await sandbox.run(["diff", "oci:layout:x", "good.tar", "--quiet"])).toMatchObject({
      exitCode: 0,
      stderr: "",
    });
    for (const part of readdirSync(kept)) {
      for (const name of readdirSync(join(kept, part))) expect(hash(join(kept, part, name))).toBe(name);
    }
    expect(await sandbox.leftovers()).toEqual([]);
  },
  600_000,
);
