import type { InstalledPackage, Rootfs } from "@base-kit/core";
import { mergedEntries } from "@base-kit/rootfs";
import { entriesFromText, textFromEntries } from "@base-kit/testing";

/** A root filesystem of one segment, its entries written as text. */
export function rootfsOf(text: string, packages: readonly string[] = []): Rootfs {
  const entries = entriesFromText(text);
  const segments = [{ key: `text:${text}`, origin: "base", entries: () => entries }];
  const installed = packages.map((name): InstalledPackage => ({ name, version: "1", architecture: "all" }));
  return {
    platform: { os: "linux", architecture: "amd64" },
    osRelease: {},
    packages: installed,
    segments,
    runtime: {},
  };
}

/** All entries as text; directories only where asked for. */
export async function linesOf(rootfs: Rootfs, { directories = false } = {}): Promise<readonly string[]> {
  const lines = (await textFromEntries(mergedEntries(rootfs))).split("\n");
  return lines.filter((line) => line !== "" && (directories || !line.startsWith("directory")));
}
