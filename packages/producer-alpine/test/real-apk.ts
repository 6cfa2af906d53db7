import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

/** Alpine's mini root filesystem on disk, whose own apk is the oracle. */
export interface RealApk {
  readonly root: string;
  /** Runs a shell command in it. */
  run(command: string): { readonly status: number | null; readonly output: string };
  remove(): void;
}

export function unpackMinirootfs(mirror: string): RealApk {
  const releases = join(mirror, "v3.20/releases/x86_64");
  const file = readdirSync(releases).find((name) => name.endsWith("-x86_64.tar.gz")) as string;
  const root = mkdtempSync(join(tmpdir(), "real-apk-"));
  const { status } = spawnSync("tar", ["-xpzf", join(releases, file), "-C", root, "--numeric-owner"]);
  if (status !== 0) throw new Error("the minirootfs cannot be unpacked");
  return {
    root,
    run: (command) => {
      const {
        status: code,
        stdout,
        stderr,
      } = spawnSync("chroot", [root, "/bin/sh", "-c", command], {
        encoding: "utf8",
        maxBuffer: 2 ** 28,
        env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
      });
      return { status: code, output: `${stdout}${stderr}` };
    },
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** Puts a repository into it, with the key that signs it, as /repo. */
export function addRepository({ root }: RealApk, folder: string): void {
  const keys = readdirSync(folder).filter((name) => name.endsWith(".rsa.pub"));
  mkdirSync(join(root, "repo"));
  for (const name of readdirSync(folder))
    if (!keys.includes(name)) cpSync(join(folder, name), join(root, "repo", name), { recursive: true });
  for (const key of keys) cpSync(join(folder, key), join(root, "etc/apk/keys", basename(key)));
  writeFileSync(join(root, "etc/apk/repositories"), "/repo\n");
}
