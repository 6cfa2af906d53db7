import { mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { requires, startMirror } from "@base-kit/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { copyAlpineMirror } from "./alpine-mirror.ts";
import { createSandbox, type Sandbox } from "./run-cli.ts";

let sandbox: Sandbox;
beforeEach(() => {
  sandbox = createSandbox();
});
afterEach(() => sandbox.dispose());

/** A clock that somebody sets all the time: each look at it is a year ahead or back. */
const JUMPING = `--import=data:text/javascript,${encodeURIComponent(
  `const Steady = Date;
   let looks = 0;
   const leap = () => (looks++ % 2 === 0 ? 1 : -1) * 365 * 86_400_000;
   globalThis.Date = class extends Steady {
     constructor(...given) { if (given.length === 0) super(Steady.now() + leap()); else super(...given); }
     static now() { return Steady.now() + leap(); }
   };`,
)}`;

test.skipIf(requires("alpine-mirror").skip)(
  "a clock that jumps changes no image, ends no download and no wait, and empties no cache",
  async () => {
    const files = await copyAlpineMirror(sandbox.work("mirror"));
    const content = [files.index, files.minirootfs].map((path) => [path, readFileSync(join(files.dir, path))] as const);
    const slow = { slow: { pieces: 10, pauseMs: 30 } } as const;
    const busy = { status: 503, headers: { "retry-after": "1" } } as const;
    await using mirror = await startMirror(Object.fromEntries(content), {
      faults: { [files.minirootfs]: [undefined, busy, slow] },
    });
    const build = (cache: string, layout: string, env = {}) =>
      sandbox.run(
        ["build", "alpine:3.20", "--mirror", mirror.url, "--cache-dir", cache, "-o", `oci:${layout}:x`, "--json"],
        { env },
      );
    const steady = await build("steady", "one");
    expect(steady).toMatchObject({ exitCode: 0 });
    // Left by somebody who was killed, on a machine whose clock was ahead.
    mkdirSync(sandbox.work("two"));
    writeFileSync(sandbox.work("two/index.json.lock"), "1");
    utimesSync(sandbox.work("two/index.json.lock"), 4_000_000_000, 4_000_000_000);
    const jumping = await build("jumping", "two", { NODE_OPTIONS: JUMPING });
    expect(jumping).toMatchObject({ exitCode: 0 });
    const asked = mirror.requests.length;
    const again = await build("jumping", "two", { NODE_OPTIONS: JUMPING });
    expect(mirror.requests.slice(asked).map(({ path }) => path)).not.toContain(files.minirootfs);
    for (const { exitCode, stdout } of [jumping, again]) {
      expect(exitCode).toBe(0);
      expect(idOf(stdout)).toBe(idOf(steady.stdout));
    }
    expect(await sandbox.leftovers()).toEqual([]);
  },
);

function idOf(stdout: string): string {
  return (JSON.parse(stdout) as { readonly id: string }).id;
}
