import { type ChildProcess, spawn } from "node:child_process";
import { chownSync, mkdtempSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { SandboxMode } from "../src/index.ts";

export interface SandboxRequest {
  readonly mode: SandboxMode;
  readonly script: string;
  readonly timeoutMs?: number;
  readonly keepFailed?: string;
}

export interface SandboxUser {
  readonly uid?: number;
  /** A file in the place of /etc/subuid and /etc/subgid. */
  readonly subids?: string;
  /** A program with arguments that runs it: `["setpriv", …]`. */
  readonly through?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** What the process prints. */
export interface Line {
  readonly type: string;
  readonly detail?: string;
  readonly code?: string;
  readonly message?: string;
  readonly hint?: string;
  readonly entries?: readonly string[];
  readonly removed?: readonly string[];
}

/** Runs a script on the small tree, in a process of its own with a folder of its own below `dir`. */
export function startSandbox(
  request: SandboxRequest,
  { dir, uid, subids, through = [], env }: SandboxUser & { readonly dir: string },
): { readonly process: ChildProcess; readonly ended: Promise<readonly Line[]> } {
  const cacheDir = mkdtempSync(join(dir, "process-"));
  if (uid !== undefined) chownSync(cacheDir, uid, uid);
  const program = fileURLToPath(new URL("sandbox-process.ts", import.meta.url));
  const args = JSON.stringify({ ...request, cacheDir });
  const node = [process.execPath, "--conditions=@base-kit/source", "--import", "tsx", program, args];
  const as =
    uid === undefined ? node : ["setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups", "--", ...node];
  const bind = 'for f in subuid subgid; do mount --bind "$0" /etc/$f; done; exec "$@"';
  const [file = "", ...rest] = [
    ...through,
    ...(subids === undefined ? as : ["unshare", "--mount", "sh", "-ec", bind, subids, ...as]),
  ];
  const child = spawn(file, rest, { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, ...env } });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  const ended = new Promise<readonly Line[]>((resolve) => {
    child.on("close", () =>
      resolve(
        text
          .split("\n")
          .filter(Boolean)
          .map((line) => JSON.parse(line) as Line),
      ),
    );
  });
  return { process: child, ended };
}

export async function until(fits: () => boolean): Promise<void> {
  for (let waited = 0; !fits(); waited += 50) {
    if (waited > 100_000) throw new Error("waited in vain");
    await sleep(50);
  }
}
