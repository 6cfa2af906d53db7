import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createGpgHome, type DescribedDeb, hostSystemDeb, isRunning, makeDebSuite, requires } from "@base-kit/testing";
import { describe, expect, test } from "vitest";
import { debian } from "../src/index.ts";
import { produce } from "../src/produce.ts";
import { createWorkshop, resolveFor } from "./workshop.ts";

const TOOLS = ["gpg", "ldd", "root", "unshare"] as const;
/** Found by their arguments among all processes of this machine. */
const [INSIDE, BESIDE] = [`sleep ${process.pid}1`, `sleep ${process.pid}2`];

/** Goes on whatever it is told, beside a child that left its session. */
const POSTINST = `#!/bin/sh
trap '' TERM INT HUP
echo waiting for nothing
setsid ${BESIDE} &
echo begun > /etc/mark
while :; do ${INSIDE}; done
`;

describe.skipIf(requires(...TOOLS).skip)("a package's script that does not end", () => {
  test("is ended when its time is over, with all it started; what it said is shown, and its tree kept if asked for", async () => {
    await using workshop = await createWorkshop();
    const { dir, context } = workshop;
    const demo: DescribedDeb = { name: "demo", files: { "usr/bin/demo": "" }, scripts: { postinst: POSTINST } };
    const mirror = join(dir, "mirror");
    const keyring = join(dir, "keyring.gpg");
    using gpg = createGpgHome();
    const by = [gpg.generate()];
    writeFileSync(keyring, gpg.exportKeys());
    const files = makeDebSuite({ packages: [hostSystemDeb(["setsid"]), demo] }, (text) => gpg.clearsign(text, { by }));
    for (const [path, bytes] of Object.entries(files)) {
      mkdirSync(dirname(join(mirror, path)), { recursive: true });
      writeFileSync(join(mirror, path), bytes);
    }
    const options = { mirror, keyring, variant: "custom", include: ["demo", "system"], tweaks: ["none"] };
    const lock = await resolveFor(
      debian,
      { release: "bookworm", options: { ...options, configure: "chroot" } },
      context,
    );
    const kept = join(dir, "kept");
    // As long as it takes on this machine until both run.
    for (let limit = 4, begun = false; !begun; limit *= 3) {
      rmSync(kept, { recursive: true, force: true });
      let over = false;
      const producing = produce(lock, context, { scriptsMs: limit * 1000, keepFailed: kept })
        .catch((error: unknown) => error)
        .finally(() => {
          over = true;
        });
      await until(() => {
        begun = isRunning(INSIDE) && isRunning(BESIDE);
        return begun || over;
      });
      const error = await producing;
      expect(error).toMatchObject({ code: "SANDBOX_TIMEOUT", kind: "failure" });
      if (!begun) continue;
      const said = new RegExp(`did not end within ${limit} s\\n(?: {2}.*\\n)* {2}waiting for nothing`);
      expect(error).toMatchObject({
        message: expect.stringMatching(said),
        hint: expect.stringContaining(join(kept, "rootfs.tar")),
      });
    }
    await until(() => !isRunning(INSIDE) && !isRunning(BESIDE));
    const read = (path: string) => execFileSync("tar", ["-xOf", join(kept, "rootfs.tar"), path], { encoding: "utf8" });
    expect(read("etc/mark")).toBe("begun\n");
    expect(readFileSync(join(kept, "output.log"), "utf8")).toMatch(/^waiting for nothing$/m);
    // Nor files or mounts.
    expect(readdirSync(context.tempDir).filter((name) => name.startsWith("sandbox-"))).toEqual([]);
    expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(dir);
  });
});

async function until(fits: () => boolean): Promise<void> {
  for (let waited = 0; !fits(); waited += 50) {
    if (waited > 100_000) throw new Error("waited in vain");
    await sleep(50);
  }
}
