import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isRunning, processesOf, requires } from "@base-kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Line, type SandboxRequest, type SandboxUser, startSandbox, until } from "./start-sandbox.ts";

/** What Docker leaves to a container's root. */
const DOCKERS = [
  ...["chown", "dac_override", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap", "net_bind_service"],
  ...["net_raw", "sys_chroot", "mknod", "audit_write", "setfcap"],
];
const withCapabilities = (names: readonly string[]) => [
  ...["setpriv", "--inh-caps=-all", `--bounding-set=-all,${names.map((name) => `+${name}`).join(",")}`, "--"],
];
const rootOfContainer: SandboxUser = { through: withCapabilities(DOCKERS) };

/** Of this test run alone: others look for processes too. */
const seconds = (number: number) => `${process.pid}.${number}`;

describe.skipIf(requires("ldd", "unshare", "root", "tar").skip)("by a container's root, who has no namespaces", () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "base-kit-test-"));
    chmodSync(dir, 0o755);
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));
  const start = (request: SandboxRequest, user?: SandboxUser) => startSandbox(request, { dir, ...user });
  const detailOf = (lines: readonly Line[]) => lines.find(({ type }) => type === "step.ended")?.detail;

  test("a script leaves what it leaves elsewhere", async () => {
    const script = `
set -e
echo new > etc/new
chown man:shadow etc/new
chmod 6755 etc/new
mkdir -m 2775 srv
rm etc/unwanted
mv etc/same etc/moved
echo more > var/tool2
cat /dev/null > etc/empty
for node in null zero full random urandom; do stat -c '%t:%T %a' /dev/$node; done > etc/devices
`;
    const [byRoot, byContainersRoot] = await Promise.all([
      start({ mode: "chroot", script }).ended,
      start({ mode: "chroot", script }, rootOfContainer).ended,
    ]);
    expect([byRoot, byContainersRoot].map(detailOf)).toEqual([
      expect.stringMatching(/changes, chroot$/),
      expect.stringMatching(/changes, plain-chroot$/),
    ]);
    expect(byRoot.at(-1)?.type).toBe("ended");
    expect(byContainersRoot.at(-1)).toEqual(byRoot.at(-1));
  });

  // One in a session of its own, and one of another user, whose root directory is hidden without CAP_SYS_PTRACE.
  const endless = (first: number) => `
trap '' TERM INT
setsid sleep ${seconds(first)} &
setsid setpriv --reuid=6 --regid=12 --clear-groups sleep ${seconds(first + 1)} &
`;
  const areRunning = (first: number) =>
    [first, first + 1].map((number) => isRunning(`sleep ${seconds(number)}`)).filter(Boolean).length;

  test("what a script leaves running ends with it", async () => {
    const last = `sleep ${seconds(12)}`;
    const { ended } = start({ mode: "chroot", script: `${endless(10)}${last} || true` }, rootOfContainer);
    await until(() => areRunning(10) === 2 && isRunning(last));
    for (const pid of processesOf(last)) process.kill(pid, "SIGKILL");
    expect((await ended).at(-1)).toMatchObject({ type: "ended", entries: [""] });
    expect(areRunning(10)).toBe(0);
  });

  test.each(["SIGINT", "SIGKILL"] as const)("all that a script started ends with base-kit, by %s", async (signal) => {
    const first = signal === "SIGINT" ? 20 : 30;
    const script = `${endless(first)}while :; do sleep 1000; done`;
    const child = start({ mode: "chroot", script, keepFailed: join(dir, "failed") }, rootOfContainer);
    await until(() => areRunning(first) === 2);
    child.process.kill(signal);
    const last = (await child.ended).at(-1);
    await until(() => areRunning(first) === 0);
    if (signal === "SIGKILL") return;
    expect(last).toMatchObject({ code: "INTERRUPTED" });
    expect(readdirSync(join(dir, "failed")).sort()).toEqual(["output.log", "rootfs.tar"]);
  });

  test("a script that fails is shown, with what it had to do without", async () => {
    const script = "echo first; exit 3";
    const folder = join(dir, "failed");
    const last = (await start({ mode: "chroot", script, keepFailed: folder }, rootOfContainer).ended).at(-1);
    expect(last).toMatchObject({
      code: "SANDBOX_FAILED",
      message: expect.stringMatching(/it ended with 3, without \/proc, .*\n {2}first/),
      hint: expect.stringContaining(join(folder, "rootfs.tar")),
    });
    expect(readFileSync(join(folder, "output.log"), "utf8")).toBe("first\n");
  });

  test("a script that goes on without the /proc that a program looked for has failed", async () => {
    const script = "cat /proc/self/comm || true";
    const [elsewhere, here] = await Promise.all([
      start({ mode: "chroot", script }).ended,
      start({ mode: "chroot", script }, rootOfContainer).ended,
    ]);
    expect(elsewhere.at(-1)).toMatchObject({ type: "ended" });
    expect(here.at(-1)).toMatchObject({
      code: "SANDBOX_FAILED",
      message: expect.stringMatching(/a program looked for \/proc, .*\n {2}.*\/proc\/self\/comm/),
    });
  });

  test.each([
    [
      "without a capability",
      withCapabilities(DOCKERS.filter((name) => name !== "mknod")),
      "root has no CAP_MKNOD here",
    ],
    [
      "where the temporary folder allows too little",
      ["unshare", "--mount", "sh", "-ec", 'mount -t tmpfs -o noexec,nodev none "$0"; exec "$@"'],
      /no programs and no devices can be used in \S+/,
    ],
    [
      "where it allows programs alone",
      ["unshare", "--mount", "sh", "-ec", 'mount -t tmpfs -o nodev none "$0"; exec "$@"'],
      /no devices can be used in \S+/,
    ],
  ])("%s it is refused, and told", async (_, how, obstacle) => {
    const through = how[0] === "unshare" ? [...how, dir, ...withCapabilities(DOCKERS)] : how;
    const last = (await start({ mode: "chroot", script: "true" }, { through }).ended).at(-1);
    expect(last).toMatchObject({ code: "SANDBOX_UNAVAILABLE", hint: expect.stringContaining("In a container") });
    const [, reason] = /plain-chroot: (.*)/.exec(last?.message ?? "") ?? [];
    expect(reason).toMatch(obstacle);
  });
});
