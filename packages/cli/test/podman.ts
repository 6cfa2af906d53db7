import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** Runs podman with everything it keeps below one folder, and gives what it prints. */
export function podmanIn(folder: string): (...args: readonly string[]) => string {
  // What a test machine may lack: crun's cgroup mode and the right to raise limits.
  const conf = join(folder, "containers.conf");
  const limits = '"nofile=1024:1024","nproc=1024:1024"';
  writeFileSync(
    conf,
    `[containers]\ndefault_ulimits=[${limits}]\n[engine]\nruntime="runc"\ncgroup_manager="cgroupfs"\nevents_logger="file"\n`,
  );
  const places = ["root", "runroot", "tmpdir"].flatMap((name) => [`--${name}`, join(folder, name)]);
  const own = { HOME: folder, TMPDIR: folder, XDG_RUNTIME_DIR: folder, CONTAINERS_CONF: conf };
  return (...args) =>
    execFileSync("podman", [...places, "--storage-driver", "vfs", ...args], {
      env: { ...process.env, ...own },
      encoding: "utf8",
      stdio: "pipe",
    }).trim();
}
