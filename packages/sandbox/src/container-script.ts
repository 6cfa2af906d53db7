/** Where the root filesystem is in the image: an engine puts files of its own at the root, and none of them is to get into the tree. */
export const TREE = "tree";

/**
 * What runs on this machine, by `sh`. Whatever ends it (its own end, a signal, the end of its standard input because base-kit was killed),
 * container and image are removed.
 *
 * Arguments: the engine's program; a directory with `tree.tar`; the name of container and image; the script for the container; its
 * arguments. Standard input stays open as long as base-kit lives. What the container left is put into the directory when it ended well,
 * and where that has a file `keep` also when it did not.
 */
export const ENGINE_SCRIPT: string = `
set -eu
engine=$1 work=$2 name=$3 inside=$4
shift 4
image=base-kit-sandbox:$name
interrupted=
leave() {
  "$engine" export --output "$work/unfinished.tar" "$name" &&
    mv "$work/unfinished.tar" "$work/left.tar"
}
remove() {
  "$engine" rm --force --volumes "$name" || true
  "$engine" rmi --force "$image"
}
clean() {
  status=$?
  trap '' EXIT INT TERM HUP PIPE
  if [ "$status" -ne 0 ] && [ -e "$work/keep" ]; then
    "$engine" kill "$name" >/dev/null 2>&1 </dev/null || true
    leave >/dev/null 2>&1 </dev/null || true
  fi
  remove >/dev/null 2>&1 </dev/null || true
  # The engine may still have been at it when its program was ended.
  if [ -n "$interrupted" ]; then sleep 1; remove >/dev/null 2>&1 </dev/null || true; fi
  exit "$status"
}
trap clean EXIT
trap 'interrupted=1; exit 143' INT TERM HUP
exec 3<&0
"$engine" import "$work/tree.tar" "$image" >/dev/null </dev/null 3<&- &
wait $!
"$engine" run --name "$name" --pull never --interactive --network none --hostname localhost --cap-add SYS_ADMIN --security-opt apparmor=unconfined --entrypoint /bin/sh "$image" -c "$inside" sandbox "$@" <&3 3<&- &
wait $!
leave </dev/null 3<&- &
wait $!
`;

/**
 * What runs in the container, by the `sh` of the root filesystem, with links that lead to its programs. /proc and /dev are the
 * container's own. Arguments: the command's whole environment as `NAME=value`.
 */
export const CONTAINER_SCRIPT: string = `
set -eu
umask 022
PATH=/usr/sbin:/usr/bin:/sbin:/bin
tool() { if command -v "$1" >/dev/null; then "$@"; else busybox "$@"; fi; }
exec 3<&0
(
  while read -r _; do :; done
  kill -9 -1
) <&3 3<&- &
. /names
tool mount -t proc proc /${TREE}/proc
tool mount --rbind /dev /${TREE}/dev
while IFS= read -r line || [ -n "$line" ]; do printf '%s\\n' "$line"; done < /script > /dev/script
status=0
tool env -i "$@" "$(command -v chroot)" /${TREE} /bin/sh /dev/script >&2 </dev/null 3<&- || status=$?
exit "$status"
`;
