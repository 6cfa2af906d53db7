import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export interface Sshd {
  /** For DOCKER_HOST. */
  readonly host: string;
  close(): Promise<void>;
}

export interface SshdOptions {
  /** For its keys and settings. */
  readonly dir: string;
  /** A program `ssh` that knows them is put here. */
  readonly bin: string;
  /** What the programs of whoever logs in find in their environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** An ssh server for this user alone, on the loopback interface, with keys of its own. Nothing of the machine's ssh is touched. */
export async function startSshd({ dir, bin, env }: SshdOptions): Promise<Sshd> {
  const inside = (name: string) => join(dir, name);
  for (const key of ["host_key", "user_key"]) {
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", inside(key)]);
  }
  const settings = [
    "ListenAddress 127.0.0.1",
    `HostKey ${inside("host_key")}`,
    `AuthorizedKeysFile ${inside("user_key.pub")}`,
    "PidFile none",
    // The folder is in /tmp, which everybody may write to.
    "StrictModes no",
    "UsePAM no",
    "AuthenticationMethods publickey",
    "PermitRootLogin prohibit-password",
    `SetEnv ${Object.entries(env)
      .map(([name, value]) => `"${name}=${value}"`)
      .join(" ")}`,
  ];
  writeFileSync(inside("sshd_config"), `${settings.join("\n")}\n`);
  const known = [`IdentityFile ${inside("user_key")}`, `UserKnownHostsFile ${inside("known_hosts")}`];
  const client = [...known, "IdentitiesOnly yes", "BatchMode yes", "StrictHostKeyChecking accept-new"];
  writeFileSync(inside("ssh_config"), `${client.join("\n")}\n`);
  const real = execFileSync("sh", ["-c", "command -v ssh"], { encoding: "utf8" }).trim();
  writeFileSync(join(bin, "ssh"), `#!/bin/sh\nexec ${real} -F ${inside("ssh_config")} "$@"\n`, { mode: 0o755 });

  makePrivilegeSeparationFolder();
  for (;;) {
    const port = await freePort();
    const { close, log } = await listen(inside("sshd_config"), port);
    if (close !== undefined) return { host: `ssh://${userInfo().username}@127.0.0.1:${port}`, close };
    // Another program may have got the port meanwhile.
    if (!log.includes("Address already in use")) throw new Error(`sshd does not listen: ${log}`);
  }
}

async function listen(
  settings: string,
  port: number,
): Promise<{ readonly close?: () => Promise<void>; readonly log: string }> {
  const server = spawn("/usr/sbin/sshd", ["-D", "-e", "-f", settings, "-p", String(port)], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let log = "";
  server.stderr.setEncoding("utf8").on("data", (text: string) => {
    log += text;
  });
  const close = async () => {
    if (server.exitCode !== null) return;
    server.kill();
    await once(server, "exit");
  };
  for (let waited = 0; waited < 60_000 && server.exitCode === null; waited += 20) {
    if (log.includes("Server listening")) return { close, log };
    await sleep(20);
  }
  await close();
  return { log };
}

/**
 * Root's sshd wants one; the machine's own makes it when it starts, which it may never have done. It stays: that of another run of
 * the tests may need it by now.
 */
function makePrivilegeSeparationFolder(): void {
  if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (address === null || typeof address === "string") throw new Error("a listening server has a port");
  return address.port;
}
