import type { InstalledPackage } from "@base-kit/core";

type OsRelease = Readonly<Record<string, string>>;

/**
 * The package URL (github.com/package-url/purl-spec) of an installed package, with the distribution it is from: the name under
 * which vulnerability scanners look it up. Undefined for a distribution whose packages have no type there.
 */
export function packageUrl(each: InstalledPackage, osRelease: OsRelease): string | undefined {
  const type = packageType(osRelease);
  const { ID: id, VERSION_ID: version } = osRelease;
  if (type === undefined || id === undefined) return undefined;
  // An rpm's epoch is no part of its version there, and its name is not lowered.
  const [, epoch, rest] = (type === "rpm" && /^(\d+):(.*)$/.exec(each.version)) || [];
  const name = type === "rpm" ? each.name : each.name.toLowerCase();
  const qualifiers = [
    ["arch", each.architecture],
    ["distro", version === undefined ? id : `${id}-${version}`],
    ...(epoch === undefined ? [] : [["epoch", epoch]]),
    // The name that security trackers use; syft and grype read it.
    ...(each.source === undefined ? [] : [["upstream", each.source]]),
  ];
  const query = qualifiers.map(([key, value = ""]) => `${key}=${encoded(value)}`).join("&");
  return `pkg:${type}/${encoded(id.toLowerCase())}/${encoded(name)}@${encoded(rest ?? each.version)}?${query}`;
}

function packageType({ ID = "", ID_LIKE = "" }: OsRelease): "deb" | "apk" | "rpm" | undefined {
  const family = [ID, ...ID_LIKE.split(/\s+/)];
  if (family.some((id) => ["debian", "ubuntu"].includes(id))) return "deb";
  if (family.some((id) => ["alpine", "wolfi", "chainguard"].includes(id))) return "apk";
  return family.some((id) => /^(?:fedora|rhel|centos|suse|opensuse.*|sles|mageia|amzn|azurelinux|mariner)$/.test(id))
    ? "rpm"
    : undefined;
}

/** Colons stay: they need no encoding, and the specification says that they should have none. */
function encoded(text: string): string {
  return encodeURIComponent(text)
    .replaceAll("%3A", ":")
    .replaceAll(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}
