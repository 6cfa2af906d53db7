import { execFileSync } from "node:child_process";
import { createWriteStream, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { directoryRoot, readElfFile } from "@base-kit/elf";
import { writeTar } from "@base-kit/tar";
import { requires } from "@base-kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { scratchRootfs } from "../src/index.ts";
import { type TestContext, testContext } from "./context.ts";

let context: TestContext;
beforeEach(() => {
  context = testContext();
});
afterEach(() => context.dispose());

async function unpacked(rootfs: Awaited<ReturnType<typeof scratchRootfs>>): Promise<string> {
  const dir = join(context.dir, "unpacked");
  mkdirSync(dir);
  await pipeline(writeTar(rootfs.segments[0]?.entries() ?? []), createWriteStream(`${dir}.tar`));
  execFileSync("tar", ["-C", dir, "-xf", `${dir}.tar`]);
  return dir;
}

describe.skipIf(requires("ldconfig", "curl", "git", "sqlite3", "root").skip)("ldconfig", () => {
  test("writes the same cache for the same libraries", async () => {
    const programs = ["/usr/bin/curl", "/usr/bin/git", "/usr/bin/sqlite3", "/usr/bin/bash"];
    const dir = await unpacked(await scratchRootfs(programs, { with: ["ld.so.cache"] }, context));
    const ours = readFileSync(join(dir, "etc/ld.so.cache"));
    execFileSync("ldconfig", ["-X", "-r", dir]);
    expect(readFileSync(join(dir, "etc/ld.so.cache")).toString("latin1")).toBe(ours.toString("latin1"));
  });
});

describe.skipIf(requires("debian-mirror").skip)("a program of another architecture", () => {
  test("an arm64 package of Debian closes against its own root, and not against this machine's", async () => {
    const root = join(context.dir, "root");
    mkdirSync(root);
    for (const deb of download(["libc6", "libtinfo6", "bash", "gcc-12-base"]))
      execFileSync("dpkg-deb", ["-x", deb, root]);
    const { platform, report, segments } = await scratchRootfs(["/bin/bash"], { root: directoryRoot(root) }, context);
    expect(platform.architecture).toBe("arm64");
    expect(report.programs[0]?.libraries.map(({ name }) => name)).toEqual([
      "libtinfo.so.6",
      "libc.so.6",
      "ld-linux-aarch64.so.1",
    ]);
    const paths = [...(segments[0]?.entries() ?? [])].map(({ path }) => path as string);
    expect(paths).toEqual(expect.arrayContaining(["bin/bash", "lib/ld-linux-aarch64.so.1"]));
    expect(readElfFile(join(root, "bin/bash")).machine).toBe(183);
    await expect(scratchRootfs([join(root, "bin/bash")], {}, context)).rejects.toMatchObject({
      code: "SCRATCH_LIBRARY_MISSING",
      message: expect.stringMatching(/the interpreter \/lib\/ld-linux-aarch64\.so\.1 needed by/),
    });
  });

  /** With a private apt that knows the other architecture; the machine's own is not changed. */
  function download(packages: readonly string[]): readonly string[] {
    const apt = join(context.dir, "apt");
    const debs = join(apt, "debs");
    for (const name of ["state/lists/partial", "cache/archives/partial", "debs"])
      mkdirSync(join(apt, name), { recursive: true });
    writeFileSync(join(apt, "status"), "");
    const settings = [
      ["APT::Architecture", "arm64"],
      ["APT::Architectures", "arm64"],
      ["Dir::State", join(apt, "state")],
      ["Dir::State::status", join(apt, "status")],
      ["Dir::Cache", join(apt, "cache")],
      ["Acquire::Languages", "none"],
      ["APT::Sandbox::User", "root"],
    ].flatMap(([name, value]) => ["-o", `${name}=${value}`]);
    execFileSync("apt-get", [...settings, "-qq", "update"], { stdio: "ignore" });
    execFileSync("apt-get", [...settings, "-qq", "download", ...packages], { cwd: debs, stdio: "ignore" });
    return readdirSync(debs).map((name) => join(debs, name));
  }
});
