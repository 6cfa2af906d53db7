/** Where the programs below are found inside the sandbox. */
export const OWNER_PROGRAMS = "/dev/owner-programs";

/**
 * `chown` and `chgrp` for a user namespace in which there is only root. Instead of changing the owner they write a line
 * `INODE UID GID` to `/dev/owners`; `-` is what stays. A file that is renamed keeps its inode. The true program is called all the same,
 * for root, because it also takes setuid bits away and changes the file's times.
 */
export const OWNER_PROGRAM: string = `#!/bin/sh
set -f
name=\${0##*/} recursive= followed=-L status=0
case $PATH in ${OWNER_PROGRAMS}:*) PATH=\${PATH#*:};; esac
while [ $# -gt 0 ]; do
  case $1 in
    --) shift; break;;
    --recursive) recursive=1;;
    --no-dereference) followed=;;
    --from=*|--reference=*) echo "$name: $1 is not known where there is only one user" >&2; exit 1;;
    --*) ;;
    -?*)
      case $1 in *R*) recursive=1;; esac
      case $1 in *h*) followed=;; esac;;
    *) break;;
  esac
  shift
done
owner=$1
shift
number() {
  case $1 in
    ''|-) echo -; return;;
    *[!0-9]*) ;;
    *) echo "$1"; return;;
  esac
  while IFS=: read -r who _ id _; do
    if [ "$who" = "$1" ]; then echo "$id"; return; fi
  done < "$2"
  echo "$name: there is no $1 in $2" >&2
  return 1
}
user=- group=-
if [ "$name" = chgrp ]; then group=$owner; else
  user=\${owner%%[:.]*}
  case $owner in *[:.]*) group=\${owner#*[:.]};; esac
fi
uid=$(number "$user" /etc/passwd) && gid=$(number "$group" /etc/group) || exit 1
for path in "$@"; do
  if [ -n "$recursive" ]; then
    find "$path" -exec stat -c "%i $uid $gid" {} + >> /dev/owners || status=1
    chown -hR 0:0 "$path" || status=1
  else
    stat $followed -c "%i $uid $gid" "$path" >> /dev/owners && chown $([ -n "$followed" ] || echo -h) 0:0 "$path" || status=1
  fi
done
exit $status
`;
