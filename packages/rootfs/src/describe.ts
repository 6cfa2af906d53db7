import type { InstalledPackage, Platform, Rootfs, RuntimeConfig, Segment } from "@base-kit/core";
import { parseApkInstalled } from "./databases/apk.ts";
import { parseDpkgStatus } from "./databases/dpkg.ts";
import { parseOsRelease } from "./databases/os-release.ts";
import { parseRpmDatabase, RPM_DATABASES } from "./databases/rpm.ts";
import { readTextFile, readWholeFile } from "./read-file.ts";

/** Segments with what their files say about them: os-release, and the packages of the database of dpkg, apk or rpm. */
export async function describeRootfs(
  segments: readonly Segment[],
  platform: Platform,
  runtime: RuntimeConfig = {},
): Promise<Rootfs> {
  const bare: Rootfs = { platform, osRelease: {}, packages: [], segments, runtime };
  // The first that is there; os-release(5) names both and their order.
  const osRelease = await firstText(bare, ["etc/os-release", "usr/lib/os-release"]);
  return { ...bare, osRelease: parseOsRelease(osRelease ?? ""), packages: await installedPackages(bare) };
}

async function installedPackages(rootfs: Rootfs): Promise<readonly InstalledPackage[]> {
  const dpkg = await readTextFile(rootfs, "var/lib/dpkg/status");
  if (dpkg !== undefined) return parseDpkgStatus(dpkg);
  const apk = await firstText(rootfs, ["lib/apk/db/installed", "usr/lib/apk/db/installed"]);
  if (apk !== undefined) return parseApkInstalled(apk);
  for (const path of RPM_DATABASES) {
    const database = await readWholeFile(rootfs, path);
    if (database !== undefined) return parseRpmDatabase(database).map((each) => each.package);
  }
  return [];
}

async function firstText(rootfs: Rootfs, paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const text = await readTextFile(rootfs, path);
    if (text !== undefined) return text;
  }
  return undefined;
}
