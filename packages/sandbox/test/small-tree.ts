import { execFileSync } from "node:child_process";
import { readFileSync, realpathSync } from "node:fs";
import { bytesFromText, type Entry } from "@base-kit/core";
import { entriesFromText } from "@base-kit/testing";

const PROGRAMS = [
  ...["cat", "chmod", "chown", "env", "find", "ln", "ls", "mkdir", "mv", "rm", "sleep", "stat"],
  // With which a container puts the tree in its place.
  ...["chroot", "mount"],
  // With which a process leaves its session, and its user.
  ...["setsid", "setpriv"],
];

/** A root filesystem of a few of this machine's programs with their libraries, and of files of several owners. */
export function smallTree(): readonly Entry[] {
  const files = new Map<string, string>([["bin/sh", "/bin/sh"]]);
  for (const name of PROGRAMS) files.set(`bin/${name}`, name === "chroot" ? "/usr/sbin/chroot" : `/bin/${name}`);
  const libraries = execFileSync("ldd", [...files.values()], { encoding: "utf8" });
  for (const [, path = ""] of libraries.matchAll(/(\/\S+) \(0x/g)) files.set(path.slice(1), path);
  const folders = new Set([...files.keys()].flatMap(foldersOf));
  return [
    ...entriesFromText(FILES),
    ...[...folders].sort().map((path): Entry => ({ type: "directory", path: bytesFromText(path), ...PLAIN })),
    ...[...files].map(([path, source]): Entry => {
      const bytes = readFileSync(realpathSync(source));
      return { type: "file", path: bytesFromText(path), ...PLAIN, size: bytes.length, content: () => [bytes] };
    }),
  ];
}

function foldersOf(path: string): readonly string[] {
  const names = path.split("/").slice(0, -1);
  return names.map((_, index) => names.slice(0, index + 1).join("/"));
}

const PLAIN = { mode: 0o755, uid: 0, gid: 0, mtime: 0 };

const FILES = `
directory 755 0:0 ./
directory 755 0:0 etc
file 644 0:0 etc/group "root:x:0:\\nshadow:x:42:\\n"
file 644 0:0 etc/passwd "root:x:0:0::/root:/bin/sh\\nman:x:6:12::/:/bin/sh\\n"
file 644 0:0 etc/same "same"
file 640 0:42 etc/secret "s" {user.note="kept"}
file 644 0:0 etc/unwanted "u"
directory 2775 0:8 var
file 755 6:12 var/tool "t"
hardlink 755 6:12 var/tool2 => var/tool
directory 1777 0:0 tmp
`;
