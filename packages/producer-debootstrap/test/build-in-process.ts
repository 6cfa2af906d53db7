import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export interface BuildRequest {
  readonly release: string;
  readonly options: object;
  /** Takes the temporary folders as well. */
  readonly cacheDir: string;
}

/** A line that the process told: an event, `built` or `error`. */
export interface Told {
  readonly type: string;
  readonly title?: string;
  readonly code?: string;
  readonly kind?: string;
  readonly message?: string;
  readonly packages?: number;
}

export interface BuildProcess {
  readonly child: ChildProcess;
  readonly told: readonly Told[];
  /** Resolves when a line fits, or the process ended. */
  until(fits: (told: Told) => boolean): Promise<void>;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
}

export interface Surroundings {
  /** Options of a tmpfs at `cacheDir`, which only this process sees. */
  readonly mount?: string;
  /** Runs as this user. */
  readonly uid?: number;
}

/** Builds in a process of its own. */
export function buildInProcess(request: BuildRequest, { mount, uid }: Surroundings = {}): BuildProcess {
  const script = fileURLToPath(new URL("build-process.ts", import.meta.url));
  const node = [process.execPath, "--conditions=@base-kit/source", "--import", "tsx", script, JSON.stringify(request)];
  const mounting = 'mount -t tmpfs -o "$1" tmpfs "$2" && shift 2 && exec "$@"';
  const shell = ["unshare", "--mount", "--propagation", "private", "--", "sh", "-c", mounting, "sh"];
  const [file = "", ...args] = mount === undefined ? node : [...shell, mount, request.cacheDir, ...node];
  const child = spawn(file, args, {
    stdio: ["ignore", "pipe", "inherit"],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  const told: Told[] = [];
  const waiting = new Set<() => void>();
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.on("close", (code, signal) => {
      resolve({ code, signal });
      for (const look of waiting) look();
    });
  });
  createInterface({ input: child.stdout }).on("line", (line) => {
    told.push(JSON.parse(line) as Told);
    for (const look of waiting) look();
  });
  const until = (fits: (line: Told) => boolean) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (!told.some(fits) && child.exitCode === null && child.signalCode === null) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  return { child, told, until, ended };
}

/** What is left of a build below a folder: processes whose root or arguments lie in it, and mounts in any namespace. */
export function leftoversOf(folder: string): readonly string[] {
  const left: string[] = [];
  const look = (pid: string, what: string, read: () => string) => {
    try {
      if (read().includes(folder)) left.push(`${what} of ${pid}`);
    } catch {
      // It ended meanwhile.
    }
  };
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name) && name !== String(process.pid))) {
    look(pid, "root", () => readlinkSync(`/proc/${pid}/root`));
    look(pid, "arguments", () => readFileSync(`/proc/${pid}/cmdline`, "latin1"));
    look(pid, "mounts", () => readFileSync(`/proc/${pid}/mountinfo`, "latin1"));
  }
  return left;
}
