import { readFileSync } from "node:fs";
import type { Entry } from "@base-kit/core";
import { entriesFromText } from "@base-kit/testing";

/** A root filesystem of busybox alone, with files of several owners. */
export function smallTree(): readonly Entry[] {
  const busybox = readFileSync("/bin/busybox");
  const programs = [
    "sh",
    "cat",
    "chown",
    "chmod",
    "env",
    "find",
    "id",
    "ln",
    "ls",
    "mkdir",
    "mv",
    "ps",
    "rm",
    "sleep",
    "stat",
    "touch",
  ];
  const text = [
    "directory 755 0:0 ./",
    "directory 755 0:0 bin",
    'file 755 0:0 bin/busybox ""',
    ...programs.map((name) => `symlink 777 0:0 bin/${name} -> busybox`),
    "directory 755 0:0 etc",
    'file 644 0:0 etc/group "root:x:0:\\nshadow:x:42:\\n"',
    'file 644 0:0 etc/passwd "root:x:0:0::/root:/bin/sh\\nman:x:6:12::/:/bin/sh\\n"',
    'file 644 0:0 etc/same "same"',
    'file 640 0:42 etc/secret "s" {user.note="kept"}',
    'file 644 0:0 etc/unwanted "u"',
    "directory 2775 0:8 var",
    'file 755 6:12 var/tool "t"',
    "hardlink 755 6:12 var/tool2 => var/tool",
    "directory 1777 0:0 tmp",
  ].join("\n");
  return entriesFromText(text).map((entry) =>
    entry.path === "bin/busybox" ? { ...entry, size: busybox.length, content: () => [busybox] } : entry,
  ) as Entry[];
}
