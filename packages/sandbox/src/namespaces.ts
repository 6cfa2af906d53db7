/**
 * In namespaces of its own the tree lives in memory that only these see: when they end, however they end, no mount and no file of it is
 * left. For {@link sandboxScript}.
 */
export const NAMESPACES_HOOKS = `
open_tree() {
  mount -t tmpfs -o "mode=0755,size=$size" base-kit "$root"
  hostname localhost 2>/dev/null || true
}
open_dev() {
  mount -t tmpfs -o mode=0755 dev "$root/dev"
  for node in null zero full random urandom tty; do
    : > "$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
  done
}
# Its first process is inside the tree, so that /proc leads to nothing else, and what it leaves running ends with it.
enter() {
  exec unshare --pid --fork --kill-child=SIGKILL sh -c '
root=$1 chroot=$2
shift 2
mount -t proc proc "$root/proc" 2>/dev/null || mount --rbind /proc "$root/proc" 2>/dev/null || true
exec env -i "$@" "$chroot" "$root" /bin/sh /dev/script
' inner "$root" "$chroot" "$@"
}
# Of one that was stopped, all processes are on their way out.
end_rest() { if [ -n "$stopped" ]; then sleep 0.2; fi; }
close_tree() {
  umount -R -l "$root/dev"
  # At once with all that is mounted in it: of another namespace's /proc that may not be taken apart.
  umount -l "$root/proc" 2>/dev/null || true
}
`;
