/**
 * What makes an unpacked system an installed one: the maintainer scripts that dpkg would have run before it unpacked, and one
 * `dpkg --configure` for all the others. It runs inside the new system, without network.
 *
 * Packages that ask whether a service may be started are told no, as in debootstrap; helpers of that kind are put back in
 * the end, so that nothing of them is seen in the result.
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
    "if [ -e /sbin/start-stop-daemon ]; then",
    "  mv /sbin/start-stop-daemon /sbin/start-stop-daemon.REAL",
    "  printf '#!/bin/sh\\nexit 0\\n' > /sbin/start-stop-daemon",
    "  chmod 755 /sbin/start-stop-daemon",
    "fi",
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
    "if [ -e /sbin/start-stop-daemon.REAL ]; then mv /sbin/start-stop-daemon.REAL /sbin/start-stop-daemon; fi",
  ].join("\n");
}
