import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Context, Exec } from "@base-kit/core";

/** What verifying needs of a context: real programs, a clock that may be wrong, a folder that has to end up empty. */
export interface GpgvContext extends Pick<Context, "exec" | "clock" | "tempDir">, Disposable {
  leftovers(): readonly string[];
}

export function gpgvContext({ now = Math.floor(Date.now() / 1000) }: { readonly now?: number } = {}): GpgvContext {
  const tempDir = mkdtempSync(join(tmpdir(), "base-kit-test-"));
  return {
    exec,
    clock: { now: () => now, monotonicMs: () => performance.now() },
    tempDir,
    leftovers: () => readdirSync(tempDir),
    [Symbol.dispose]: () => rmSync(tempDir, { recursive: true, force: true }),
  };
}

const exec: Exec = (file, args, { expectedExitCodes = [0] } = {}) =>
  new Promise((resolve, reject) => {
    const child = spawn(file, [...args], { stdio: ["ignore", "pipe", "pipe"] });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    child.on("error", reject);
    child.on("close", (code) => {
      const exitCode = code ?? -1;
      if (expectedExitCodes !== "any" && !expectedExitCodes.includes(exitCode)) {
        reject(new Error(`${file} ended with ${exitCode}: ${Buffer.concat(stderr)}`));
      } else resolve({ exitCode, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() });
    });
  });
