/** Programs that package scripts call; while these run they say yes and do nothing. */
const ANSWERED = "/sbin/start-stop-daemon /usr/bin/ischroot /usr/bin/dpkg-maintscript-helper";

/**
 * What makes an unpacked system an installed one: the maintainer scripts that dpkg would have run before it unpacked, and one
 * `dpkg --configure` for all the others. It runs inside the new system, without network.
 *
 * Packages that ask whether a service may be started are told no, as in debootstrap; those that ask whether this is a chroot are told
 * yes, as they find there: here the first process is inside too, and libc6 would restart an init that is not there and sleep for
 * a second. `dpkg-maintscript-helper` moves aside what an older version of a package left, and there is none (deb-preinst(5): a new
 * installation has no old version); to find that out it starts four programs, some ninety times in a minimal system, which was a
 * quarter of this stage. Programs in whose place such answers stand are put back in the end, so that nothing of them is seen in the result.
 */
export function configureScript(
  preinsts: readonly { readonly name: string; readonly info: string; readonly architecture: string }[],
): string {
  return [
    "set -e",
    "umask 022",
    "mkdir -p /usr/sbin",
    "printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d",
    "chmod 755 /usr/sbin/policy-rc.d",
    `for program in ${ANSWERED}; do`,
    '  if [ ! -e "$program" ]; then continue; fi',
    '  mv "$program" "$program.REAL"',
    "  printf '#!/bin/sh\\nexit 0\\n' > \"$program\"",
    '  chmod 755 "$program"',
    "done",
    // Scripts of essential packages may use what others set up only later.
    "if [ -e /usr/bin/mawk ] && [ ! -e /usr/bin/awk ]; then ln -s mawk /usr/bin/awk; fi",
    "if [ -e /usr/share/zoneinfo/UTC ] && [ ! -e /etc/localtime ]; then ln -s /usr/share/zoneinfo/UTC /etc/localtime; fi",
    ...preinsts.map(
      ({ name, info, architecture }) =>
        `DPKG_MAINTSCRIPT_PACKAGE=${name} DPKG_MAINTSCRIPT_ARCH=${architecture} DPKG_MAINTSCRIPT_NAME=preinst ` +
        `DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT=1 DPKG_RUNNING_VERSION=1.21.0 '/var/lib/dpkg/info/${info}.preinst' install`,
    ),
    "dpkg --configure --pending --force-configure-any --force-depends --force-confold",
    "rm -f /usr/sbin/policy-rc.d",
    `for program in ${ANSWERED}; do if [ -e "$program.REAL" ]; then mv "$program.REAL" "$program"; fi; done`,
  ].join("\n");
}
