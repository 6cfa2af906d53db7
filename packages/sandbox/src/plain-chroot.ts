import { readFile } from "node:fs/promises";
import { type Context, printable } from "@base-kit/core";

/**
 * In a container that may neither mount nor have namespaces, which is what Docker gives, its root can still change the root directory.
 * The tree is a folder then. There is no /proc; network, host name and processes are the container's. For {@link sandboxScript}.
 *
 * Whatever the command started has its root directory in the tree, and is ended by that. A process in a session of its own does so,
 * when the end of a pipe tells that this script is done or was killed. Without CAP_SYS_PTRACE the root directory of a process is shown
 * to its own user alone, so it is looked for as each of the users.
 */
export const PLAIN_CHROOT_HOOKS = `
open_tree() { :; }
open_dev() {
  mv "$root/dev" "$work/dev"
  mkdir "$root/dev"
  while read -r node numbers; do mknod -m 666 "$root/dev/$node" c $numbers; done <<END
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
END
  mkfifo "$work/alive"
  # As the kernel names it.
  real=$(cd "$root" && pwd -P)
  setsid sh -c '
read -r _ || true
while :; do
  ended=
  for user in $(stat -c %u:%g /proc/[0-9]* | sort -u); do
    ended=$ended$(setpriv --reuid="\${user%:*}" --regid="\${user#*:}" --clear-groups sh -c "$2" "$1")
  done
  if [ -z "$ended" ]; then exit; fi
done
' guard "$real" '
find /proc/[0-9]*/root -maxdepth 0 -printf "%h %l\\n" | while read -r process place; do
  case $place/ in "$0"/*) kill -KILL "\${process#/proc/}" && echo ended;; esac
done
' < "$work/alive" >/dev/null 2>&1 &
  guard=$!
  exec 9> "$work/alive"
}
enter() { exec env -i "$@" "$chroot" "$root" /bin/sh /dev/script 9>&-; }
end_rest() {
  exec 9>&-
  wait "$guard" || true
}
close_tree() {
  rm -rf "$root/dev"
  mv "$work/dev" "$root/dev"
}
`;

/** capabilities(7) without which a package's script would fail, or worse, leave something else; by their bits. */
const CAPABILITIES: Readonly<Record<string, number>> = {
  CAP_CHOWN: 0,
  CAP_DAC_OVERRIDE: 1,
  CAP_FOWNER: 3,
  CAP_FSETID: 4,
  CAP_SETGID: 6,
  CAP_SETUID: 7,
  CAP_SYS_CHROOT: 18,
  CAP_MKNOD: 27,
  CAP_SETFCAP: 31,
};

/** Prints what the folder does not allow. */
const PROBE = `
place=$(mktemp -d "$1/sandbox-XXXXXX") || exit
trap 'rm -rf "$place"' EXIT
printf '#!/bin/sh\\n' > "$place/program"
chmod 755 "$place/program"
"$place/program" || echo programs
mknod "$place/null" c 1 3 && echo > "$place/null" || echo devices
`;

/** Why it cannot be had here, for somebody who can start the container in another way. */
export async function plainChrootObstacle({
  exec,
  tempDir,
}: Pick<Context, "exec" | "tempDir">): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return "it needs root";
  const [, mask = "0"] = /^CapEff:\s*([0-9a-f]+)$/m.exec(await readFile("/proc/self/status", "latin1")) ?? [];
  const missing = Object.entries(CAPABILITIES).filter(([, bit]) => ((BigInt(`0x${mask}`) >> BigInt(bit)) & 1n) === 0n);
  if (missing.length > 0) return `root has no ${missing.map(([name]) => name).join(", ")} here`;
  const probe = ["--pdeathsig", "KILL", "--", "sh", "-c", PROBE, "probe", tempDir];
  const { stdout } = await exec("setpriv", probe, { timeoutMs: 10_000 });
  const refused = stdout.toString().split("\n").filter(Boolean);
  return refused.length === 0 ? undefined : `no ${refused.join(" and no ")} can be used in ${printable(tempDir)}`;
}
