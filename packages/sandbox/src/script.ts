/**
 * What runs a command on this machine, by `sh`. `hooks` is how the tree is kept apart from the machine, functions of these names:
 *
 * - `open_tree`, when there is a folder `$root` for the tree
 * - `open_dev`, for an empty `$root/dev` with device nodes; what the tree has there is in the way
 * - `enter`, which becomes the command; its arguments are the command's whole environment
 * - `end_rest`, which ends what the command left running
 * - `close_tree`, after which `$root` holds the tree alone
 *
 * Arguments: a directory with the command's `script`, the memory it may take, and the command's whole environment as `NAME=value`.
 * Standard input: the root filesystem as a tar. Where the directory has `owner-programs`, no file can belong to another user than root:
 * these programs, found before the system's own, remember owners instead; `inodes-before` and `inodes` tell which file is which.
 * Where it has `keep`, the tree is packed also when the command failed, or was stopped by SIGTERM.
 */
export function sandboxScript(hooks: string): string {
  return `
set -eu
umask 022
work=$1 size=$2
shift 2
root=$work/root
chroot=$(command -v chroot)
${hooks}
owners=--same-owner
if [ -e "$work/owner-programs" ]; then owners=--no-same-owner; fi
mkdir "$root"
open_tree
tar --extract --file=- --directory="$root" --numeric-owner $owners --preserve-permissions --xattrs --xattrs-include='*' --delay-directory-restore --warning=no-timestamp
if [ -e "$work/owner-programs" ]; then (cd "$root" && find . -xdev -printf '%i %p\\0' > "$work/inodes-before"); fi
made=
for name in proc dev; do
  if [ ! -d "$root/$name" ]; then mkdir "$root/$name"; made="$made $name"; fi
done
open_dev
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"
mkdir -m 1777 "$root/dev/shm"
cp "$work/script" "$root/dev/script"
if [ -e "$work/owner-programs" ]; then
  cp -r "$work/owner-programs" "$root/dev/owner-programs"
  chmod -R 755 "$root/dev/owner-programs"
  : > "$root/dev/owners"
fi
sleep 0.02
touch "$work/start"
sleep 0.02
status=0 inner= stopped= newer="--newer=$work/start" unclear=0
trap 'stopped=1; if [ -n "$inner" ]; then kill -KILL "$inner"; fi' TERM
enter "$@" >&2 </dev/null &
inner=$!
if [ -n "$stopped" ]; then kill -KILL "$inner"; fi
wait "$inner" || status=$?
if [ "$status" -ne 0 ]; then
  trap '' TERM
  if [ -n "$stopped" ]; then wait "$inner" 2>/dev/null || true; fi
  newer= unclear=1
fi
end_rest
if [ "$status" -ne 0 ] && [ ! -e "$work/keep" ]; then exit "$status"; fi
if [ -e "$root/dev/owners" ]; then cp "$root/dev/owners" "$work/owners"; fi
close_tree
cd "$root"
for name in $made; do rmdir "$name"; done
find . -xdev -printf '%i %p\\0' > "$work/inodes"
tar --create --file="$work/unfinished.tar" --format=posix --pax-option=delete=atime,delete=ctime,delete=mtime --numeric-owner --sort=name --one-file-system --xattrs --xattrs-include='security.capability' --xattrs-include='user.*' --warning=no-file-unchanged \${newer:+"$newer"} . || [ $? -eq "$unclear" ]
mv "$work/unfinished.tar" "$work/changed.tar"
exit "$status"
`;
}
