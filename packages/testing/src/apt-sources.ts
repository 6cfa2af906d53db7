import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * The http(s) addresses that the machine's own apt uses, in its order: one-line files and deb822 files of
 * sources.list(5). Whether one of them is an archive of Debian only a look at its Release tells.
 */
export function debianArchives(etcApt: string = "/etc/apt"): readonly string[] {
  const lists = files(join(etcApt, "sources.list.d"));
  const found = [join(etcApt, "sources.list"), ...lists].flatMap((file) => addresses(file));
  return [...new Set(found.map((address) => address.replace(/\/+$/, "")))];
}

function addresses(file: string): readonly string[] {
  const text = read(file);
  const lines = file.endsWith(".sources")
    ? [...text.matchAll(/^URIs:(.*(?:\n[ \t].*)*)/gim)].map(([, uris]) => uris)
    : [...text.matchAll(/^[ \t]*deb[ \t]+(?:\[[^\]]*\][ \t]*)?(\S+)/gm)].map(([, uri]) => uri);
  return lines.flatMap((line) => line?.match(/https?:\/\/\S+/g) ?? []);
}

function files(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /\.(list|sources)$/.test(name))
      .sort()
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
