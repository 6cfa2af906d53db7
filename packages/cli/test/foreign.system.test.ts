import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { requires } from "@base-kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createSandbox, type Sandbox } from "./run-cli.ts";

const QEMU = "/usr/bin/qemu-aarch64-static";
const MAGIC = "\\x7fELF\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\xb7\\x00";
const MASK = "\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfe\\xff\\xff\\xff";

/** Runs a command where the kernel starts the emulator for arm64: in a namespace, so that this machine stays as it is. */
const EMULATED = [
  ...["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec"],
  'mount -t binfmt_misc none /proc/sys/fs/binfmt_misc; printf %s "$0" > /proc/sys/fs/binfmt_misc/register; exec "$@"',
  `:qemu-aarch64:M::${MAGIC}:${MASK}:${QEMU}:F`,
];

function canEmulate(): boolean {
  const [file = "", ...args] = EMULATED;
  return existsSync(QEMU) && spawnSync(file, [...args, "true"], { stdio: "ignore" }).status === 0;
}

/** The least in which dpkg configures packages. */
const PACKAGES = "dpkg,dash,base-passwd,base-files,coreutils,findutils,sed,grep,diffutils,libc-bin";

const skip = requires("debian-mirror", "unshare", "tar").skip || process.arch !== "x64" || !canEmulate();

describe.skipIf(skip)("real packages of arm64", { timeout: 300_000 }, () => {
  let sandbox: Sandbox;
  beforeEach(() => {
    sandbox = createSandbox();
  });
  afterEach(() => sandbox.dispose());

  test("are unpacked anywhere, and configured where the kernel has an emulator", async () => {
    const args = ["build", "debian:bookworm", "--arch", "arm64", "--variant", "custom", "--include", PACKAGES];
    const build = (name: string) => [...args, "--tweaks", "none", "-o", `tar:${name}`];
    const status = (name: string) =>
      execFileSync("tar", ["-xOf", sandbox.work(name), "var/lib/dpkg/status"], { encoding: "utf8" });
    const states = (name: string) => new Set(status(name).match(/^Status: .*$/gm));

    const unpacked = await sandbox.run(build("unpacked.tar"));
    expect(unpacked.stderr).toMatch(/cannot run programs for linux\/arm64: .*not configured; .*base-files, .*libc6/);
    expect(unpacked.exitCode).toBe(0);
    expect([...states("unpacked.tar")]).toEqual(["Status: install ok unpacked"]);
    expect(await sandbox.run([...build("x.tar"), "--configure", "userns"])).toMatchObject({
      exitCode: 6,
      stderr: expect.stringMatching(/qemu-user-static.*/s),
    });

    const configured = await sandbox.run(build("configured.tar"), { through: EMULATED });
    expect(configured.stderr).not.toContain("warning");
    expect(configured.exitCode).toBe(0);
    expect([...states("configured.tar")]).toEqual(["Status: install ok installed"]);
    expect(status("configured.tar")).toMatch(/^Package: libc6\n(?:.*\n)*?Architecture: arm64$/m);
    expect(await sandbox.leftovers()).toEqual([]);
  });
});
