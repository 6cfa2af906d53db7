import { BaseKitError, formatPlatform, printable, type Rootfs } from "@base-kit/core";

const SHOWN_AT_MOST = 5;

/**
 * That every package has the same version on each platform: an archive that is just being updated may have one architecture's new
 * package and another's old one, and an image that differs so is hard to explain later.
 *
 * @throws BaseKitError `VERSION_SKEW` (verification)
 */
export function requireSameVersions(sources: readonly { readonly rootfs: Rootfs }[]): void {
  const [first, ...others] = sources.map(({ rootfs }) => rootfs);
  if (first === undefined) return;
  const versions = versionsOf(first);
  const skewed = others.flatMap((other) =>
    [...versionsOf(other)]
      .filter(([name, version]) => versions.has(name) && versions.get(name) !== version)
      .map(([name, version]) => {
        const [here, there] = [formatPlatform(first.platform), formatPlatform(other.platform)];
        return `${printable(name)} ${printable(versions.get(name) ?? "")} (${here}) and ${printable(version)} (${there})`;
      }),
  );
  if (skewed.length === 0) return;
  const more = skewed.length > SHOWN_AT_MOST ? ` and ${skewed.length - SHOWN_AT_MOST} more` : "";
  throw new BaseKitError(
    "VERSION_SKEW",
    `packages have different versions on the architectures: ${skewed.slice(0, SHOWN_AT_MOST).join(", ")}${more}`,
    {
      kind: "verification",
      hint: "Wait until the mirror is complete, use a snapshot, or allow it with --allow-version-skew. Nothing was written.",
    },
  );
}

/** Several versions of one package count together. */
function versionsOf({ packages }: Rootfs): ReadonlyMap<string, string> {
  const versions = new Map<string, string>();
  for (const { name, version } of [...packages].sort((a, b) => (a.version < b.version ? -1 : 1))) {
    const before = versions.get(name);
    if (before !== version) versions.set(name, before === undefined ? version : `${before}, ${version}`);
  }
  return versions;
}
