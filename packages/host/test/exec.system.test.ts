import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { isBaseKitError } from "@base-kit/core";
import { afterAll, describe, expect, test } from "vitest";
import { createExec } from "../src/index.ts";

const exec = createExec();
const dir = mkdtempSync(join(tmpdir(), "exec-test-"));
afterAll(() => rmSync(dir, { recursive: true }));

/** The error, whatever it is; a success is a failure of the test. */
async function failureOf(work: Promise<unknown>): Promise<Error & { code?: string; kind?: string; hint?: string }> {
  return work.then(
    () => {
      throw new Error("it succeeded");
    },
    (error: Error) => error,
  );
}

/** An ended process that nobody has collected yet is not running. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !existsSync("/proc/self") || !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

/** The kernel may need a moment to end what was killed. */
async function untilGone(pid: number): Promise<void> {
  await expect.poll(() => isRunning(pid)).toBe(false);
}

async function* chunks(count: number, size: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count; i++) yield Buffer.alloc(size, "x");
}

describe("a program that runs", () => {
  test("gives its output and exit code, and gets its arguments as they are", async () => {
    const result = await exec("printf", ["%s|", "a b", "$(id)", "*", ""]);
    expect(result).toMatchObject({ exitCode: 0, stderr: "" });
    expect(result.stdout.toString()).toBe("a b|$(id)|*||");
  });

  test("sees only a listed part of the environment, in the C locale", async () => {
    const own = createExec({
      env: { PATH: "/usr/bin:/bin", HOME: "/h", SECRET: "s", LANG: "tr_TR.UTF-8", https_proxy: "p", DOCKER_HOST: "d" },
    });
    const { stdout } = await own("env", [], { env: { EXTRA: "e" } });
    expect(stdout.toString().trim().split("\n").sort()).toEqual([
      "DOCKER_HOST=d",
      "EXTRA=e",
      "HOME=/h",
      "LANG=C",
      "LC_ALL=C",
      "PATH=/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin",
      "https_proxy=p",
    ]);
  });

  test("reads an empty standard input when none is given", async () => {
    expect((await exec("cat", [])).stdout.length).toBe(0);
  });

  test("is fed a buffer or a stream of any length", async () => {
    expect((await exec("cat", [], { stdin: Buffer.from("hello") })).stdout.toString()).toBe("hello");
    expect((await exec("wc", ["-c"], { stdin: chunks(300, 100_000) })).stdout.toString().trim()).toBe("30000000");
  });

  test("gets its input from memory that is used again for each chunk", async () => {
    async function* counting() {
      const buffer = Buffer.alloc(1000);
      for (let at = 0; at < 500; at++) yield buffer.fill(at % 251);
    }
    const { stdout } = await exec("sh", ["-c", "sleep 0.2; cat"], { stdin: counting() });
    const expected = Array.from({ length: 500 }, (_, at) => Buffer.alloc(1000, at % 251));
    expect(stdout.equals(Buffer.concat(expected))).toBe(true);
  });

  test("may end well before it has read all its input", async () => {
    let returned = false;
    async function* endless() {
      try {
        for (;;) yield Buffer.alloc(65536);
      } finally {
        returned = true;
      }
    }
    await exec("head", ["-c", "10"], { stdin: endless() });
    await expect.poll(() => returned).toBe(true);
  });

  test("is not waited for by a source that has nothing to give when it has ended", async () => {
    async function* silent() {
      yield Buffer.from("x");
      await new Promise(() => {});
    }
    await exec("head", ["-c", "1"], { stdin: silent() });
  });

  test("hands its output to the consumer, who may be slow to begin and may stop early", async () => {
    let seen = 0;
    await exec("head", ["-c", "1000000", "/dev/zero"], {
      stdout: async (output) => {
        await sleep(50);
        for await (const chunk of output) seen += chunk.length;
      },
    });
    expect(seen).toBe(1_000_000);
    const result = await exec("sh", ["-c", "head -c 5000000 /dev/zero && echo wrote-all >&2"], {
      stdout: async (output) => {
        for await (const _ of output) break;
      },
    });
    expect(result.stderr).toBe("wrote-all\n");
  });

  test("tells the lines of both outputs, also the last one without an end", async () => {
    const out: string[] = [];
    const err: string[] = [];
    await exec("printf", ["one\\ntwo\\r\\nthr\\303\\251e"], { onStdoutLine: (line) => out.push(line) });
    await exec("sh", ["-c", "echo a >&2; echo; echo b >&2"], { onStderrLine: (line) => err.push(line) });
    expect(out).toEqual(["one", "two", "thrée"]);
    expect(err).toEqual(["a", "b"]);
  });

  test("keeps the end of an output that is longer than the limit", async () => {
    const { stdout } = await exec("seq", ["1", "200000"], { maxOutput: 14 });
    expect(stdout.toString()).toBe("199999\n200000\n");
  });

  test("may end with another exit code when that is expected", async () => {
    expect((await exec("sh", ["-c", "exit 3"], { expectedExitCodes: [0, 3] })).exitCode).toBe(3);
    expect((await exec("sh", ["-c", "exit 9"], { expectedExitCodes: "any" })).exitCode).toBe(9);
  });
});

describe("a program that fails", () => {
  test("is named with what it said, escaped", async () => {
    const error = await failureOf(exec("sh", ["-c", "printf 'no such \\033[31mthing\\n' >&2; exit 4"]));
    expect(error).toMatchObject({ code: "EXEC_FAILED", kind: "environment" });
    expect(error.message).toContain("ended with exit code 4; it said:\n  no such \\x1b[31mthing");
  });

  test("is not found: the hint names it", async () => {
    const error = await failureOf(exec("no-such-program-here", []));
    expect(error).toMatchObject({ code: "EXEC_NOT_FOUND", kind: "environment" });
    expect(error.hint).toContain("no-such-program-here");
  });

  test("cannot start in a folder that does not exist, or without permission", async () => {
    expect((await failureOf(exec("true", [], { cwd: "/no/such/folder" }))).message).toContain("/no/such/folder");
    expect(await failureOf(exec("/etc/hostname", []))).toMatchObject({ code: "EXEC_FAILED" });
    expect(await failureOf(exec("echo", ["a\0b"]))).toMatchObject({ code: "EXEC_FAILED", kind: "usage" });
  });

  test("breaks the pipe: the error has the program's words, not EPIPE", async () => {
    const error = await failureOf(
      exec("sh", ["-c", "echo 'disk full' >&2; exit 1"], { stdin: chunks(100, 1_000_000) }),
    );
    expect(error.message).toContain("exit code 1; it said:\n  disk full");
  });

  test("is ended by a signal that is named", async () => {
    expect((await failureOf(exec("sh", ["-c", "kill -9 $$"]))).message).toContain("SIGKILL");
  });
});

describe("a program that is ended", () => {
  test("after its time, with everything it started", async () => {
    let pids: number[] = [];
    // As long as a shell needs on this machine to start both.
    for (let timeoutMs = 300; pids.length < 2; timeoutMs *= 3) {
      pids = [];
      const error = await failureOf(
        exec("sh", ["-c", "sleep 1000 & echo $!; sleep 1001 & echo $!; wait"], {
          timeoutMs,
          onStdoutLine: (line) => pids.push(Number(line)),
        }),
      );
      expect(error).toMatchObject({ code: "EXEC_TIMEOUT", kind: "environment" });
    }
    for (const pid of pids) await untilGone(pid);
  });

  test.each(["own", "context"])("by the %s signal, with its reason", async (which) => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const aborting = createExec(which === "context" ? { signal: controller.signal } : {});
    // It ends at once, or this test does not.
    const error = await failureOf(
      aborting("sh", ["-c", "echo up; sleep 1000"], {
        ...(which === "own" ? { signal: controller.signal } : {}),
        graceMs: 1_000_000,
        onStdoutLine: () => controller.abort(reason),
      }),
    );
    expect(error).toBe(reason);
    expect(await failureOf(aborting("true", [], { signal: controller.signal }))).toBe(reason);
  });

  test("when the source of its input fails: it never sees an end", async () => {
    const marker = join(dir, "saw-the-end");
    async function* broken() {
      yield Buffer.from("half");
      await sleep(100);
      throw new Error("download broke off");
    }
    const error = await failureOf(
      exec("sh", ["-c", 'cat > /dev/null && touch "$1"', "sh", marker], { stdin: broken() }),
    );
    expect(error.message).toBe("download broke off");
    await sleep(50);
    const { stdout } = await exec("ls", [dir]);
    expect(stdout.toString()).not.toContain("saw-the-end");
  });

  test("when the consumer of its output fails, whose error is thrown", async () => {
    const error = await failureOf(
      exec("sh", ["-c", "while echo y; do :; done"], {
        stdout: async (output) => {
          for await (const _ of output) throw new Error("cannot write");
        },
      }),
    );
    expect(error.message).toBe("cannot write");
  });

  test("while the consumer reads: it sees an error, not an end", async () => {
    const controller = new AbortController();
    let sawEnd = false;
    const error = await failureOf(
      exec("sh", ["-c", "echo half; sleep 60"], {
        signal: controller.signal,
        stdout: async (output) => {
          for await (const _ of output) controller.abort(new Error("enough"));
          sawEnd = true;
        },
      }),
    );
    expect(error.message).toBe("enough");
    expect(sawEnd).toBe(false);
  });

  test("and a background process it leaves behind is ended too", async () => {
    const { stdout } = await exec("sh", ["-c", "sleep 60 & echo $!"]);
    await untilGone(Number(stdout.toString()));
  });
});

test("programs do not outlive a process that exits at once", async () => {
  const url = new URL("../src/index.ts", import.meta.url).href;
  // The source needs the loader that understands TypeScript.
  const script = `import { createExec } from ${JSON.stringify(url)};
    createExec()("sh", ["-c", "echo $$; sleep 60"], { onStdoutLine: (pid) => { console.log(pid); process.exit(7); } });`;
  const { stdout } = await exec(
    process.execPath,
    ["--import", "tsx", "--conditions", "@base-kit/source", "--input-type=module", "-e", script],
    {
      expectedExitCodes: [7],
      cwd: fileURLToPath(new URL("../../..", import.meta.url)),
    },
  );
  await untilGone(Number(stdout.toString()));
});

test("errors of a program are the kit's own", async () => {
  expect(isBaseKitError(await failureOf(exec("false", [])))).toBe(true);
});
