import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isCompiled, isInstalled } from "../ready.mjs";

let root: string;

beforeEach(() => {
  // As folders are called on a desktop.
  root = mkdtempSync(join(tmpdir(), "base-kit-ready it's mine-"));
  write("tsconfig.base.json", "{}");
  write("package-lock.json", lock({ "": {}, "node_modules/a": { version: "1.0.0" } }));
  write("packages/one/package.json", "{}");
  write("packages/one/tsconfig.lib.json", "{}");
  write("packages/one/src/index.ts", "export {};");
});

afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

function write(path: string, content: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}

function lock(packages: object): string {
  return JSON.stringify({ packages });
}

describe("a checkout that has to be prepared", () => {
  const tools = join(import.meta.dirname, "..");

  beforeEach(() => {
    cpSync(join(tools, "ready.mjs"), join(root, "tools/ready.mjs"));
    cpSync(join(tools, "launch"), join(root, "tools/launch"), { recursive: true });
    write(
      "tools/bundle/bundle.mjs",
      `import { mkdirSync, writeFileSync } from "node:fs";
      mkdirSync("packages/cli/bundle", { recursive: true });
      writeFileSync("packages/cli/bundle/main.js", "whole");`,
    );
    write("bin/npm", "#!/bin/sh\n");
    chmodSync(join(root, "bin/npm"), 0o755);
  });

  /** Puts a program in npm's place. */
  function npm(script: string): NodeJS.ProcessEnv {
    write("bin/npm", `#!${process.execPath}\n${script}`);
    return { ...process.env, PATH: [join(root, "bin"), process.env["PATH"]].join(delimiter) };
  }

  const INSTALL = `
    const fs = require("node:fs");
    process.stdout.write("added 1 package");
    fs.mkdirSync("node_modules/typescript/bin", { recursive: true });
    fs.writeFileSync("node_modules/.package-lock.json", JSON.stringify({ packages: { "node_modules/a": { version: "1.0.0" } } }));
    fs.writeFileSync("node_modules/typescript/bin/tsc", \`
      const fs = require("node:fs");
      fs.mkdirSync("packages/one/dist", { recursive: true });
      fs.writeFileSync("packages/one/dist/.tsbuildinfo", "{}");
      fs.writeFileSync("packages/one/dist/arguments", process.argv.slice(2).join(" "));\`);`;

  it("is installed and compiled, with every word on stderr", () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ["tools/ready.mjs"], {
      cwd: root,
      env: npm(INSTALL),
      encoding: "utf8",
    });
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
    expect(stderr).toContain("installing dependencies");
    expect(stderr).toContain("compiling");
    expect(isInstalled(root) && isCompiled(root)).toBe(true);
    expect(readdirSync(root)).not.toContain(".ready.lock");
  });

  it("is left alone the second time", () => {
    spawnSync(process.execPath, ["tools/ready.mjs"], { cwd: root, env: npm(INSTALL) });
    const { status, stderr } = spawnSync(process.execPath, ["tools/ready.mjs"], {
      cwd: root,
      env: npm("process.exit(1)"),
      encoding: "utf8",
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });

  it("is compiled again after an error, whatever the compiler has written", () => {
    const failing = npm(`${INSTALL} fs.appendFileSync("node_modules/typescript/bin/tsc", "process.exit(1)");`);
    for (const attempt of [1, 2]) {
      const { status, stderr } = spawnSync(process.execPath, ["tools/ready.mjs"], {
        cwd: root,
        env: failing,
        encoding: "utf8",
      });
      expect({ attempt, status }).toEqual({ attempt, status: 5 });
      expect(stderr).toContain("`node tsc -b` failed: exit code 1");
    }
  });

  /** The compiler's word for: whatever is there already. */
  const isAnew = () => readFileSync(join(root, "packages/one/dist/arguments"), "utf8").split(" ").includes("--force");

  it.each<[string, (bundle: string) => void]>([
    ["cut", (bundle) => writeFileSync(bundle, "half")],
    ["removed", (bundle) => rmSync(bundle)],
  ])("is compiled anew when a file of the command line was %s", (_, spoil) => {
    spawnSync(process.execPath, ["tools/ready.mjs"], { cwd: root, env: npm(INSTALL) });
    write("packages/one/src/index.ts", "export const edited = 1;");
    spawnSync(process.execPath, ["tools/ready.mjs"], { cwd: root, env: npm(INSTALL) });
    expect(isAnew()).toBe(false);
    spoil(join(root, "packages/cli/bundle/main.js"));
    const { status } = spawnSync(process.execPath, ["tools/ready.mjs"], { cwd: root, env: npm(INSTALL) });
    expect({ status, isAnew: isAnew(), isCompiled: isCompiled(root) }).toEqual({
      status: 0,
      isAnew: true,
      isCompiled: true,
    });
    expect(readFileSync(join(root, "packages/cli/bundle/main.js"), "utf8")).toBe("whole");
  });

  it.each([
    ["first", () => {}],
    ["a later", () => rmSync(join(root, "packages/cli/bundle"), { recursive: true })],
  ])("is whole again after %s preparation was killed while it wrote the command line", (which, begin) => {
    const prepare = () => spawnSync(process.execPath, ["tools/ready.mjs"], { cwd: root, env: npm(INSTALL) });
    if (which !== "first") prepare();
    begin();
    const bundler = readFileSync(join(root, "tools/bundle/bundle.mjs"), "utf8");
    const past = new Date(Date.now() - 60_000);
    const writeBundler = (text: string) => {
      write("tools/bundle/bundle.mjs", text);
      for (const path of ["bundle.mjs", ""]) utimesSync(join(root, "tools/bundle", path), past, past);
    };
    writeBundler(`${bundler.replace("whole", "ha")}; process.kill(process.ppid, "SIGKILL");`);
    expect(prepare()).toMatchObject({ status: null, signal: "SIGKILL" });
    expect(readFileSync(join(root, "packages/cli/bundle/main.js"), "utf8")).toBe("ha");
    writeBundler(bundler);
    expect(prepare().status).toBe(0);
    expect(readFileSync(join(root, "packages/cli/bundle/main.js"), "utf8")).toBe("whole");
    expect(readdirSync(root)).not.toContain(".ready.lock");
  });

  it("fails with the code for trouble with the machine when npm fails", () => {
    const { status, stderr } = spawnSync(process.execPath, ["tools/ready.mjs"], {
      cwd: root,
      env: npm("process.exit(3)"),
      encoding: "utf8",
    });
    expect(status).toBe(5);
    expect(stderr).toContain("`npm ci --no-audit` failed: exit code 3");
  });

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("stops npm on %s, gives the lock back, and is prepared by the next run", async (signal, code) => {
    const slow = npm(
      `process.on("${signal}", () => { console.log("npm stopped"); process.exit(1); }); setInterval(() => {}, 1000); console.log("npm runs");`,
    );
    const first = spawn(process.execPath, ["tools/ready.mjs"], {
      cwd: root,
      env: slow,
      stdio: ["ignore", "ignore", "pipe"],
    });
    let output = "";
    first.stderr.setEncoding("utf8").on("data", (chunk) => {
      output += chunk;
      if (chunk.includes("npm runs")) first.kill(signal);
    });
    expect(await once(first, "close")).toEqual([code, null]);
    expect(output).toContain("npm stopped");
    expect(readdirSync(root)).not.toContain(".ready.lock");
    const second = spawnSync(process.execPath, ["tools/ready.mjs"], { cwd: root, env: npm(INSTALL) });
    expect(second.status).toBe(0);
  });

  it("says which folder cannot be written to", () => {
    const user = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
    chmodSync(root, 0o555);
    const { status, stderr } = spawnSync(process.execPath, ["tools/ready.mjs"], {
      cwd: root,
      env: npm(INSTALL),
      encoding: "utf8",
      ...user,
    });
    chmodSync(root, 0o755);
    expect(status).toBe(5);
    expect(stderr).toContain(`${root} cannot be written to (EACCES)`);
    expect(stderr).toContain("Nothing was changed");
  });
});
