import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostPlatform } from "@base-kit/core";
import { hostSystemDeb, newApkKey, requires, writeApkRepository } from "@base-kit/testing";
import { describe, expect, test } from "vitest";
import { alpineArchitecture } from "../src/architecture.ts";
import { wolfi } from "../src/index.ts";
import { testContext } from "./in-context.ts";

describe.skipIf(requires("ldd", "root", "unshare").skip)("a package's script that fails", () => {
  test("leaves its tree and its words in the folder that was named, and else nothing", async () => {
    const mirror = mkdtempSync(join(tmpdir(), "wolfi-mirror-"));
    const architecture = alpineArchitecture(hostPlatform());
    const programs = Object.entries(hostSystemDeb().files ?? {}).flatMap(([path, file]) =>
      typeof file === "string" ? [] : [{ path, ...file }],
    );
    // Not in a linked folder, as the others are: Wolfi has this one itself.
    const loaders = programs.filter(({ path }) => path.startsWith("usr/lib/ld-"));
    const here = loaders.map((each) => ({ ...each, path: each.path.replace("usr/", "") }));
    const links = ["bin", "lib64"].map((path) => ({ path, type: "2", target: `usr/${path}` }));
    const postInstall = "#!/bin/sh\necho done > /etc/mark\necho no such thing >&2\nexit 7\n";
    try {
      writeApkRepository(
        mirror,
        [
          { name: "wolfi-base", files: { "etc/": "", "usr/bin/": "" }, further: [...links, ...programs, ...here] },
          { name: "broken", scripts: { "post-install": postInstall } },
        ],
        newApkKey("wolfi-signing.rsa.pub"),
        architecture,
      );
      await using context = await testContext();
      const options = { mirror, include: ["broken"], configure: "chroot" } as const;
      const request = { release: undefined, platform: hostPlatform(), sourceDateEpoch: undefined, options };
      const lock = await wolfi.resolve(request, context);
      const failed = {
        code: "SANDBOX_FAILED",
        message: expect.stringMatching(/ended with 7\n(?: {2}.*\n)* {2}no such/),
      };
      await expect(wolfi.produce(lock, context)).rejects.toMatchObject(failed);
      expect(readdirSync(context.tempDir).filter((name) => name.startsWith("sandbox-"))).toEqual([]);

      const kept = join(mirror, "kept");
      await expect(wolfi.produce(lock, context, { keepFailed: kept })).rejects.toMatchObject({
        ...failed,
        hint: expect.stringContaining(kept),
      });
      expect(readdirSync(kept).sort()).toEqual(["output.log", "rootfs.tar"]);
      const mark = execFileSync("tar", ["-xOf", join(kept, "rootfs.tar"), "etc/mark"], { encoding: "utf8" });
      expect(mark).toBe("done\n");
    } finally {
      rmSync(mirror, { recursive: true, force: true });
    }
  });
});
