/**
 * What runs in the new namespaces, by `sh`. The root filesystem lives in memory that only these namespaces see: when they end, however
 * they end, no mount and no file of it is left.
 *
 * Arguments: a directory with the command's `script`, the memory it may take, and the command's whole environment as `NAME=value`.
 * Standard input: the root filesystem as a tar. Where the directory has `owner-programs`, no file can belong to another user than root:
 * these programs, found before the system's own, remember owners instead; `inodes-before` and `inodes` tell which file is which.
 * Where it has `keep`, the tree is packed also when the command failed, or was stopped by SIGTERM.
 */
export const SANDBOX_SCRIPT = `
set -eu
umask 022
work=$1 size=$2
shift 2
root=$work/root
chroot=$(command -v chroot)
owners=--same-owner
if [ -e "$work/owner-programs" ]; then owners=--no-same-owner; fi
mkdir "$root"
mount -t tmpfs -o "mode=0755,size=$size" base-kit "$root"
tar --extract --file=- --directory="$root" --numeric-owner $owners --preserve-permissions --xattrs --xattrs-include='*' --delay-directory-restore --warning=no-timestamp
if [ -e "$work/owner-programs" ]; then (cd "$root" && find . -xdev -printf '%i %p\\0' > "$work/inodes-before"); fi
made=
for name in proc dev; do
  if [ ! -d "$root/$name" ]; then mkdir "$root/$name"; made="$made $name"; fi
done
mount -t tmpfs -o mode=0755 dev "$root/dev"
for node in null zero full random urandom tty; do
  : > "$root/dev/$node"
  mount --bind "/dev/$node" "$root/dev/$node"
done
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
hostname localhost 2>/dev/null || true
sleep 0.02
touch "$work/start"
sleep 0.02
status=0 inner= stopped= newer="--newer=$work/start" unclear=0
if [ -e "$work/keep" ]; then
  trap 'stopped=1; if [ -n "$inner" ]; then kill -KILL "$inner"; fi' TERM
fi
# Its first process is inside the tree, so that /proc leads to nothing else, and what it leaves running ends with it.
unshare --pid --fork --kill-child=SIGKILL sh -c '
root=$1 chroot=$2
shift 2
mount -t proc proc "$root/proc" 2>/dev/null || mount --rbind /proc "$root/proc" 2>/dev/null || true
exec env -i "$@" "$chroot" "$root" /bin/sh /dev/script
' inner "$root" "$chroot" "$@" >&2 </dev/null &
inner=$!
if [ -n "$stopped" ]; then kill -KILL "$inner"; fi
wait "$inner" || status=$?
if [ "$status" -ne 0 ]; then
  if [ ! -e "$work/keep" ]; then exit "$status"; fi
  trap '' TERM
  # Of one that was stopped, all processes are on their way out.
  if [ -n "$stopped" ]; then wait "$inner" 2>/dev/null || true; sleep 0.2; fi
  newer= unclear=1
fi
if [ -e "$root/dev/owners" ]; then cp "$root/dev/owners" "$work/owners"; fi
umount -R -l "$root/dev"
# At once with all that is mounted in it: of another namespace's /proc that may not be taken apart.
umount -l "$root/proc" 2>/dev/null || true
cd "$root"
for name in $made; do rmdir "$name"; done
find . -xdev -printf '%i %p\\0' > "$work/inodes"
tar --create --file="$work/unfinished.tar" --format=posix --pax-option=delete=atime,delete=ctime,delete=mtime --numeric-owner --sort=name --one-file-system --xattrs --xattrs-include='security.capability' --xattrs-include='user.*' --warning=no-file-unchanged \${newer:+"$newer"} . || [ $? -eq "$unclear" ]
mv "$work/unfinished.tar" "$work/changed.tar"
exit "$status"
`;
