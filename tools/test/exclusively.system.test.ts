import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { exclusively } from "../launch/exclusively.mjs";

let folder: string;
let lock: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "base-kit-lock-"));
  lock = join(folder, "lock");
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A process that holds the lock until it is killed. */
async function holder(body = "setInterval(() => {}, 1000)") {
  const script = `
    import { exclusively } from ${JSON.stringify(join(import.meta.dirname, "../launch/exclusively.mjs"))};
    import { spawn } from "node:child_process";
    await exclusively(${JSON.stringify(lock)}, (owned) => new Promise(() => {
      ${body};
      process.stdout.write("held");
    }));`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  return child;
}

async function kill(child: ReturnType<typeof spawn>): Promise<void> {
  child.kill("SIGKILL");
  await once(child, "exit");
}

/** Of /proc/PID/stat, from the state on. */
function fieldsOf(pid: number): readonly string[] {
  return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
}

function stateOf(pid: number): string | undefined {
  return existsSync(`/proc/${pid}`) ? fieldsOf(pid)[0] : "gone";
}

describe("a free lock", () => {
  it("is held during the action and leaves nothing behind", async () => {
    await exclusively(lock, async () =>
      expect(JSON.parse(readFileSync(lock, "utf8"))).toMatchObject([{ pid: process.pid }]),
    );
    expect(readdirSync(folder)).toEqual([]);
  });

  it("is given back when the action fails", async () => {
    const failing = exclusively(lock, async () => {
      throw new Error("npm failed");
    });
    await expect(failing).rejects.toThrow("npm failed");
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("a lock whose owner is alive", () => {
  it("is waited for", async () => {
    const owner = await holder();
    let entered = false;
    const waiting = exclusively(lock, async () => {
      entered = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(entered).toBe(false);
    await kill(owner);
    await waiting;
    expect(entered).toBe(true);
  });

  it("is waited for while a child of a dead owner still writes", async () => {
    const sleeper = `
      const child = spawn(process.execPath, ["-e", "setTimeout(() => {}, 400)"], { stdio: "ignore", detached: true });
      owned(child.pid)`;
    const owner = await holder(sleeper);
    const [, { pid }] = JSON.parse(readFileSync(lock, "utf8"));
    await kill(owner);
    await exclusively(lock, async () => expect(stateOf(pid)).toMatch(/^(?:gone|Z)$/));
  });
});

describe("a lock nobody holds", () => {
  const dead = spawnSync(process.execPath, ["-e", ""]).pid;

  it.each([
    ["its owner has died", JSON.stringify([{ pid: dead, birth: "1" }])],
    ["its number now belongs to another process", JSON.stringify([{ pid: process.pid, birth: "1" }])],
    ["it is empty", ""],
    ["it is not ours", "{}"],
  ])("is taken over: %s", async (_, content) => {
    writeFileSync(lock, content);
    let entered = false;
    await exclusively(lock, async () => {
      entered = true;
    });
    expect(entered).toBe(true);
    expect(readdirSync(folder)).toEqual([]);
  });

  it.skipIf(process.platform !== "linux")(
    "is taken over: its owner has ended, and its parent does not care",
    async () => {
      const parent = spawn("sh", ["-c", "sleep 60 & echo $!; exec sleep 60"], { stdio: ["ignore", "pipe", "inherit"] });
      try {
        const pid = Number(await once(parent.stdout, "data"));
        // A shell would look after it.
        await expect.poll(() => readFileSync(`/proc/${parent.pid}/comm`, "utf8")).toBe("sleep\n");
        process.kill(pid, "SIGKILL");
        await expect.poll(() => stateOf(pid)).toBe("Z");
        writeFileSync(lock, JSON.stringify([{ pid, birth: fieldsOf(pid)[19] }]));
        let entered = false;
        await exclusively(lock, async () => {
          entered = true;
        });
        expect(entered).toBe(true);
      } finally {
        await kill(parent);
      }
    },
  );

  it("is taken over by one at a time", async () => {
    writeFileSync(lock, JSON.stringify([{ pid: dead, birth: "1" }]));
    const script = `
      import { exclusively } from ${JSON.stringify(join(import.meta.dirname, "../launch/exclusively.mjs"))};
      import { mkdirSync, rmdirSync } from "node:fs";
      await exclusively(${JSON.stringify(lock)}, async () => {
        mkdirSync(${JSON.stringify(join(folder, "inside"))});
        await new Promise((resolve) => setTimeout(resolve, 30));
        rmdirSync(${JSON.stringify(join(folder, "inside"))});
      });`;
    const codes = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const child = spawn(process.execPath, ["--input-type=module", "--eval", script], { stdio: "ignore" });
        const [code] = await once(child, "exit");
        return code;
      }),
    );
    expect(codes).toEqual([0, 0, 0, 0]);
    expect(existsSync(lock)).toBe(false);
  });
});
