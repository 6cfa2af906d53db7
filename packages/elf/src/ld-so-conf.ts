import type { ByteString } from "@base-kit/core";
import { bytesFromBuffer } from "@base-kit/core";
import type { SearchRoot } from "./search-root.ts";
import { readSmallFile, resolvePath } from "./search-root.ts";

const INCLUDES_AT_MOST = 10;
const FOLDERS_AT_MOST = 4096;

/** The folders of ld.so.conf(5), in order, with what it includes. A file that includes itself ends at a depth of ten, as in ldconfig. */
export function readLdSoConf(root: SearchRoot, path = "/etc/ld.so.conf" as ByteString): readonly ByteString[] {
  const folders: ByteString[] = [];
  readInto(folders, root, { path, depth: 0 });
  return [...new Set(folders)];
}

function readInto(
  folders: ByteString[],
  root: SearchRoot,
  { path, depth }: { readonly path: ByteString; readonly depth: number },
): void {
  const bytes = depth > INCLUDES_AT_MOST ? undefined : readSmallFile(root, path, 1024 ** 2);
  for (const raw of bytes === undefined ? [] : bytesFromBuffer(bytes).split("\n")) {
    const line = raw.replace(/#.*/, "").trim();
    const [, patterns] = /^include\s+(.*)$/.exec(line) ?? [];
    if (patterns !== undefined) {
      for (const pattern of patterns.split(/\s+/)) {
        const absolute = pattern.startsWith("/") ? pattern : `${path.slice(0, path.lastIndexOf("/"))}/${pattern}`;
        for (const file of matching(root, absolute)) readInto(folders, root, { path: file, depth: depth + 1 });
      }
      continue;
    }
    if (folders.length > FOLDERS_AT_MOST) return;
    // `/lib=libc6` names a kind of library, of which only one is left.
    const folder = line.replace(/=.*$/, "").replace(/(?<=.)\/+$/, "");
    if (folder.startsWith("/")) folders.push(folder as ByteString);
  }
}

/** glob(7) without braces and `**`; every part of the path may hold a pattern. */
function matching(root: SearchRoot, pattern: string): readonly ByteString[] {
  let paths = [""] as ByteString[];
  for (const part of pattern.split("/").filter((each) => each !== "")) {
    paths = paths.flatMap((path) => {
      if (!/[*?[]/.test(part)) return [`${path}/${part}` as ByteString];
      const folder = resolvePath(root, path);
      const names = folder === undefined ? [] : root.names(folder.path === "/" ? ("" as ByteString) : folder.path);
      const fits = globRegExp(part);
      return names.filter((name) => fits.test(name)).map((name) => `${path}/${name}` as ByteString);
    });
  }
  return paths;
}

function globRegExp(pattern: string): RegExp {
  const body = pattern
    .replace(/[.+^${}()|\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".")
    .replace(/\[!/g, "[^");
  try {
    return new RegExp(pattern.startsWith(".") ? `^${body}$` : `^(?!\\.)${body}$`, "s");
  } catch {
    return /^(?!)/;
  }
}
