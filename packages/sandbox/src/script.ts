/**
 * What runs in the new namespaces, by `sh`. The root filesystem lives in memory that only these namespaces see: when they end, however
 * they end, no mount and no file of it is left.
 *
 * Arguments: an empty directory, the memory it may take, the command's script. Standard input: the root filesystem as a tar.
 */
export const SANDBOX_SCRIPT = `
set -eu
umask 022
work=$1 size=$2 script=$3
root=$work/root
mkdir "$root"
mount -t tmpfs -o "mode=0755,size=$size" base-kit "$root"
tar --extract --file=- --directory="$root" --numeric-owner --same-owner --preserve-permissions --xattrs --xattrs-include='*' --delay-directory-restore --warning=no-timestamp
mkdir -p "$root/proc" "$root/dev"
mount -t proc proc "$root/proc" 2>/dev/null || mount --rbind /proc "$root/proc" 2>/dev/null || true
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
hostname localhost 2>/dev/null || true
sleep 0.02
touch "$work/start"
sleep 0.02
status=0
chroot "$root" /bin/sh -c "$script" >&2 </dev/null || status=$?
if [ "$status" -ne 0 ]; then exit "$status"; fi
umount -R "$root/dev"
umount -R "$root/proc" 2>/dev/null || umount -l "$root/proc" 2>/dev/null || true
cd "$root"
find . -xdev -print0 > "$work/paths"
tar --create --file="$work/changed.tar" --format=posix --pax-option=delete=atime,delete=ctime,delete=mtime --numeric-owner --sort=name --one-file-system --xattrs --xattrs-include='security.capability' --xattrs-include='user.*' --newer="$work/start" --warning=no-file-unchanged .
`;
