import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createContext, type HostContext } from "@base-kit/host";
import { createStore } from "@base-kit/store";
import { indexTar } from "@base-kit/tar";
import { isRunning, requires, startPodmanService, textFromEntries } from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runInSandbox } from "../src/index.ts";
import { smallTree } from "./small-tree.ts";
import { type SandboxRequest, type SandboxUser, startSandbox, until } from "./start-sandbox.ts";

const DOCKER = requires("docker").skip;
const NOBODY = 65_534;
/** Of this test run alone: others look for processes too. */
const seconds = (which: number) => `${process.pid}.${which}`;

/** Everything that a package's script may do to a tree. */
const SCRIPT = `
set -e
echo new > etc/new
printf same > etc/same
chmod 600 etc/passwd
rm etc/unwanted
ln -s new etc/link
mkdir -p srv/a
chown man:shadow srv/a
chown 7 etc/new
: > etc/temporary
chown root:shadow etc/temporary
chmod 640 etc/temporary
mv etc/temporary etc/renamed
echo more > var/tool2
: > "var/odd
name"
sleep 1000 &
`;

const CHANGES = [
  "symlink 777 0:0@1000 etc/link -> new",
  'file 644 7:0@1000 etc/new "new\\n"',
  'file 600 0:0 etc/passwd "root:x:0:0::/root:/bin/sh\\nman:x:6:12::/:/bin/sh\\n"',
  'file 640 0:42@1000 etc/renamed ""',
  "directory 755 0:0@1000 srv/",
  "directory 755 6:42@1000 srv/a/",
  'file 644 0:8@1000 "var/odd\\nname" ""',
  'file 755 6:12@1000 var/tool "more\\n"',
];

describe.skipIf(requires("ldd", "unshare", "root", "tar").skip)("a sandbox", () => {
  let dir: string;
  let context: HostContext;
  const stop = new AbortController();

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "base-kit-test-"));
    chmodSync(dir, 0o755);
    const { signal } = stop;
    context = await createContext({
      createStore,
      cacheDir: dir,
      env: { ...process.env, TMPDIR: dir, SECRET: "1" },
      signal,
    });
  });
  afterAll(async () => {
    await context[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true, force: true });
  });

  function run(
    script: string,
    options: { readonly timeoutMs?: number; readonly onLine?: (line: string) => void } = {},
  ) {
    const command = { entries: smallTree(), size: 64 * 1024 ** 2, script, env: { PATH: "/bin" }, ...options };
    return runInSandbox(command, { backend: "chroot", context, use: async () => {} });
  }
  async function printed(script: string): Promise<readonly string[]> {
    const lines: string[] = [];
    await run(script, { onLine: (line) => lines.push(line) });
    return lines;
  }

  test("shows nothing of this machine", async () => {
    const lines = await printed(
      "env; ls /; cat /proc/mounts; ls /dev; cat /proc/sys/kernel/hostname; ls /proc/1/root/ /sys; stat -c %U /proc/1 || true",
    );
    const text = lines.join("\n");
    expect(lines).toContain("PATH=/bin");
    expect(text).not.toMatch(/SECRET|HOME=|TMPDIR|\bnode\b|vitest/);
    expect(text).not.toContain(dir);
    expect(lines).toContain("localhost");
    expect(lines).not.toContain("usr");
  });

  test("that fails shows the last lines, without their control characters", async () => {
    const script = "for n in 1 2 3; do echo line $n; done; printf 'red \\033[31m\\n' >&2; exit 3";
    const failed = await run(script).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: "SANDBOX_FAILED", kind: "failure" });
    expect((failed as Error).message).toMatch(
      /it ended with 3\n {2}line 1\n {2}line 2\n {2}line 3\n {2}"red \\x1b\[31m"/,
    );
    expect(leftovers()).toEqual([]);
  });

  test("that does not end is ended, with all it started", async () => {
    // As long as it takes on this machine until the script runs.
    for (let timeoutMs = 4000, told = ""; !told.includes("before"); timeoutMs *= 3) {
      const error = await run("echo before; sleep 1000 & sleep 1000", { timeoutMs }).catch((failed: unknown) => failed);
      expect(error).toMatchObject({ code: "SANDBOX_TIMEOUT" });
      told = (error as Error).message;
    }
    await untilGone();
  });

  test("is as large as it may be, and no larger", async () => {
    await expect(run("while :; do cat /bin/cat >> /tmp/x || exit 9; done")).rejects.toThrow("it ended with 9");
    await untilGone();
  });

  test("takes a script of any length", async () => {
    expect(await printed(`${"# a comment that fills a line of this script\n".repeat(5000)}echo end`)).toEqual(["end"]);
  });

  test("ends with the process that wanted it, by SIGINT and by SIGKILL", async () => {
    for (const signal of ["SIGINT", "SIGKILL"] as const) {
      const child = startProcess({ mode: "chroot", script: "echo started > /dev/null; sleep 1000" });
      await until(() =>
        leftovers().some((each) => each.includes("/bin/sh /dev/script") || each.includes("sleep 1000")),
      );
      child.process.kill(signal);
      await child.ended;
      await untilGone();
    }
    await using _ = await createContext({ createStore, cacheDir: dir, env: { TMPDIR: dir } });
    expect(readdirSync(dir).filter((name) => name.startsWith("sandbox-"))).toEqual([]);
  });

  test.skipIf(DOCKER)("in a container gives what root gives, and leaves nothing in the engine", async () => {
    const [byRoot, byEngine] = await Promise.all(
      (["chroot", "container"] as const).map(async (mode) =>
        (await startProcess({ mode, script: SCRIPT }).ended).at(-1),
      ),
    );
    expect(byRoot?.type).toBe("ended");
    expect(byEngine).toEqual(byRoot);
    expect(inEngine()).toEqual([]);
  });

  test.skipIf(requires("docker", "podman").skip)(
    "in a container of podman gives the same, whichever program finds it",
    async () => {
      const podman = await startPodmanService();
      try {
        const [byRoot, ...byPodman] = await Promise.all([
          startProcess({ mode: "chroot", script: SCRIPT }).ended,
          startProcess({ mode: "container", script: SCRIPT }, { env: { DOCKER_HOST: podman.host } }).ended,
          startProcess(
            { mode: "container", script: SCRIPT },
            { env: { DOCKER_HOST: "unix:///nowhere.sock", CONTAINER_HOST: podman.host } },
          ).ended,
        ]);
        expect(byRoot.at(-1)?.type).toBe("ended");
        for (const each of byPodman) expect(each.at(-1)).toEqual(byRoot.at(-1));
        expect(podman.podman("ps", "--all", "--quiet")).toBe("");
        expect(podman.podman("images", "--quiet")).toBe("");
      } finally {
        await podman.stop();
      }
    },
  );

  test.skipIf(DOCKER)("in a container that fails shows why", async () => {
    const { type, message } =
      (await startProcess({ mode: "container", script: "echo first; exit 3" }).ended).at(-1) ?? {};
    expect(type).toBe("error");
    expect(message).toMatch(/it ended with 3\n {2}first/);
    expect(inEngine()).toEqual([]);
  });

  test.skipIf(DOCKER)("in a container ends with the process that wanted it, by SIGINT and by SIGKILL", async () => {
    const started = await Promise.all(
      (["SIGINT", "SIGKILL"] as const).map(async (signal, index) => {
        // Found in the machine's list of processes, which has those of its containers.
        const child = startProcess({ mode: "container", script: `sleep ${seconds(index)}` });
        await until(() => isRunning(`sleep ${seconds(index)}`));
        expect(inEngine()).not.toEqual([]);
        child.process.kill(signal);
        return child.ended;
      }),
    );
    expect(started).toHaveLength(2);
    const areRunning = () => [0, 1].some((index) => isRunning(`sleep ${seconds(index)}`));
    await until(() => !areRunning() && inEngine().length === 0);
  });

  test("that needs an engine says so when none answers", async () => {
    const env = { DOCKER_HOST: "unix:///nowhere.sock", CONTAINER_HOST: "unix:///nowhere.sock" };
    const { type, code, message } =
      (await startProcess({ mode: "container", script: "true" }, { env }).ended).at(-1) ?? {};
    expect({ type, code }).toEqual({ type: "error", code: "SANDBOX_UNAVAILABLE" });
    expect(message).toMatch(/container: no container engine answers \(.*nowhere\.sock/);
  });

  test("gives the same whether by root, by a user with other ids, or by one without", async () => {
    const subids = join(dir, "subids");
    writeFileSync(subids, `${NOBODY}:200000:65536\n`);
    const results = await Promise.all([
      startProcess({ mode: "chroot", script: SCRIPT }).ended,
      startProcess({ mode: "userns", script: SCRIPT }, { uid: NOBODY, subids }).ended,
      startProcess({ mode: "userns", script: SCRIPT }, { uid: NOBODY }).ended,
    ]);
    const [byRoot, ...others] = results.map((lines) => lines.filter(({ type }) => type !== "step.started"));
    const ended = byRoot?.at(-1);
    expect(ended?.entries).toEqual(CHANGES);
    expect(ended?.removed).toEqual(["etc/unwanted"]);
    for (const other of others) expect(other.at(-1)).toEqual(ended);
    const backends = results.map((lines) => lines.find(({ type }) => type === "step.ended")?.detail);
    expect(backends).toEqual(["chroot", "userns", "single-user"].map((each) => expect.stringContaining(each)));
  });

  describe("that is to keep what a failed command leaves", () => {
    const WAYS = [
      { mode: "chroot", user: {} },
      { mode: "userns", user: { uid: NOBODY } },
      ...(DOCKER ? [] : [{ mode: "container", user: {} } as const]),
    ] as const;
    const failing = `${SCRIPT}echo said; exit 3`;
    const endless = (which: number) =>
      `chown man etc/same; echo said; trap '' TERM INT; sleep ${seconds(which)} & while :; do sleep 1000; done`;

    test("keeps it when it fails, however it was run, with its owners", async () => {
      const kept = await Promise.all(WAYS.map(({ mode, user }) => keepWith({ mode, script: failing }, user)));
      for (const { last, folder } of kept) {
        expect(last).toMatchObject({
          code: "SANDBOX_FAILED",
          hint: expect.stringContaining(join(folder, "rootfs.tar")),
        });
        const tree = indexTar(join(folder, "rootfs.tar"), { name: "kept" });
        const text = (await textFromEntries(tree)).replaceAll(/@\d+/g, "");
        for (const line of [...CHANGES, 'file 644 0:0 etc/same "same"', "directory 1777 0:0 tmp/"])
          expect(text).toContain(line.replace("@1000", ""));
        expect(text).not.toContain("etc/unwanted");
        expect(text).not.toMatch(/ (?:dev|proc)\//);
        expect(readFileSync(join(folder, "output.log"), "utf8")).toMatch(/^said$/m);
      }
    });

    test("keeps it when it takes too long or is stopped, and ends it", async () => {
      const late = async () => {
        // As long as it takes on this machine until the script runs.
        for (let timeoutMs = 4000; ; timeoutMs *= 3) {
          const kept = await keepWith({ mode: "chroot", script: endless(2), timeoutMs });
          if (readFileSync(join(kept.folder, "output.log"), "utf8").includes("said")) return kept;
        }
      };
      const stopped = DOCKER
        ? []
        : [
            keepWith(
              { mode: "container", script: endless(3) },
              {},
              { stopWhen: () => isRunning(`sleep ${seconds(3)}`) },
            ),
          ];
      for (const { last, folder } of await Promise.all([late(), ...stopped])) {
        expect(last).toMatchObject({
          code: expect.stringMatching(/^(?:SANDBOX_TIMEOUT|INTERRUPTED)$/),
          hint: expect.stringContaining(folder),
        });
        const kept = indexTar(join(folder, "rootfs.tar"), { name: "kept" });
        expect(kept.find(({ path }) => path === "etc/same")).toMatchObject({ uid: 6 });
        expect(readFileSync(join(folder, "output.log"), "utf8")).toMatch(/^said$/m);
      }
      await until(() => ![2, 3].some((which) => isRunning(`sleep ${seconds(which)}`)));
      await untilGone();
      if (!DOCKER) expect(inEngine()).toEqual([]);
    });

    test("says why when it cannot, and what went wrong all the same", async () => {
      const folder = join(dir, "occupied");
      mkdirSync(folder);
      writeFileSync(join(folder, "mine"), "");
      const { last } = await keepWith({ mode: "chroot", script: failing }, {}, { folder });
      expect(last).toMatchObject({ code: "SANDBOX_FAILED", hint: expect.stringMatching(/something in .*occupied/) });
      expect(readdirSync(folder)).toEqual(["mine"]);
    });

    test("keeps what was said when there is no tree yet", async () => {
      const folder = join(dir, "no-tree");
      const command = { entries: smallTree(), size: 2 ** 16, script: "exit 0", env: {}, keepFailed: folder };
      const running = runInSandbox(command, { backend: "chroot", context, use: async () => {} });
      await expect(running).rejects.toMatchObject({
        code: "SANDBOX_FAILED",
        hint: expect.stringMatching(/output\.log; the tree could not be kept: the sandbox ended before/),
      });
      expect(readdirSync(folder)).toEqual(["output.log"]);
      expect(readFileSync(join(folder, "output.log"), "utf8")).toContain("No space left");
    });

    async function keepWith(
      request: SandboxRequest,
      user: SandboxUser = {},
      {
        folder = join(mkdtempSync(join(dir, "keep-")), "failed"),
        stopWhen,
      }: { readonly folder?: string; readonly stopWhen?: () => boolean } = {},
    ) {
      chmodSync(dirname(folder), 0o777);
      const started = startProcess({ ...request, keepFailed: folder }, user);
      if (stopWhen !== undefined) {
        await until(stopWhen);
        started.process.kill("SIGINT");
      }
      return { last: (await started.ended).at(-1), folder };
    }
  });

  const pids = new Set<number | undefined>();
  function startProcess(request: SandboxRequest, user?: SandboxUser) {
    const running = startSandbox(request, { dir, ...user });
    pids.add(running.process.pid);
    return running;
  }

  /** Processes whose arguments or mounts name the test's folder; and what runs in a sandbox. */
  function leftovers(): readonly string[] {
    return readdirSync("/proc")
      .filter((pid) => /^\d+$/.test(pid) && pid !== String(process.pid))
      .flatMap((pid) => {
        try {
          const inside = readFileSync(`/proc/${pid}/mountinfo`, "utf8").includes(dir);
          const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
          return inside ? [command] : [];
        } catch {
          return [];
        }
      });
  }
  /** Containers and images of what was started here: others use the same engine. */
  function inEngine(): readonly string[] {
    const list = (args: readonly string[]) => execFileSync("docker", args, { encoding: "utf8" }).split("\n");
    const containers = list(["ps", "--all", "--filter", "name=^base-kit-", "--format", "{{.Names}}"]);
    const images = list(["images", "--format", "{{.Tag}}", "base-kit-sandbox"]);
    return [...containers, ...images].filter((name) => pids.has(Number(/^base-kit-(\d+)-/.exec(name)?.[1])));
  }
  const untilGone = () => until(() => leftovers().length === 0);
});
