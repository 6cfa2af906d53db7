/** Where the programs below are found inside the sandbox. */
export const OWNER_PROGRAMS = "/dev/owner-programs";

/**
 * `chown` and `chgrp` for a user namespace in which there is only root. Instead of changing the owner they write a line
 * `INODE UID GID` to `/dev/owners`; `-` is what stays. A file that is renamed keeps its inode. The true program is called all the same,
 * for root, because it also takes setuid bits away and changes the file's times.
 */
const CHOWN: string = `#!/bin/sh
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

/**
 * The first run of pwconv(8) and grpconv(8), which give their files to the group shadow by themselves: the passwords move into a file of
 * their own, and the old file stays under its name with a dash.
 */
function conversion(name: string, [file, shadow]: readonly [string, string], line: string): string {
  return `#!/bin/sh
set -e
case $PATH in ${OWNER_PROGRAMS}:*) PATH=\${PATH#*:};; esac
if [ -e /etc/${shadow} ]; then exec ${name} "$@"; fi
day=$((\${SOURCE_DATE_EPOCH:-$(date +%s)} / 86400))
cp -p /etc/${file} /etc/${file}-
if [ -e /etc/passwd- ]; then chmod 600 /etc/passwd-; fi
sed "${line}" /etc/${file}- > /etc/${shadow}
sed 's/^\\([^:]*\\):[^:]*:/\\1:x:/' /etc/${file}- > /etc/${file}
: >> /etc/.pwd.lock
chmod 600 /etc/.pwd.lock
`;
}

/** By their names. */
export const OWNER_PROGRAM_FILES: Readonly<Record<string, string>> = {
  chown: CHOWN,
  chgrp: CHOWN,
  pwconv: conversion("pwconv", ["passwd", "shadow"], "s/^\\([^:]*\\):\\([^:]*\\):.*/\\1:\\2:$day:0:99999:7:::/"),
  grpconv: conversion("grpconv", ["group", "gshadow"], "s/^\\([^:]*\\):\\([^:]*\\):[^:]*:/\\1:\\2::/"),
};
