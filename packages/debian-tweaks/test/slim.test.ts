import { readTextFile } from "@base-kit/rootfs";
import { expect, test } from "vitest";
import { slim } from "../src/index.ts";
import { linesOf, rootfsOf } from "./tree.ts";

const BUILD = { epoch: 7, include: [], architecture: "amd64" };

const TREE = `
file 644 0:0 usr/share/doc/bash/README "r"
file 644 0:0 usr/share/doc/bash/copyright "c"
directory 755 0:0 usr/share/doc/empty
file 644 0:0 usr/share/doc/only/changelog "l"
symlink 777 0:0 usr/share/doc/bash-link -> bash
symlink 777 0:0 usr/share/doc/only-link -> only
symlink 777 0:0 usr/share/doc/chain -> only-link
directory 755 0:0 usr/share/info
file 644 0:0 usr/share/info/dir "i"
directory 755 0:0 usr/share/lintian/overrides
file 644 0:0 usr/share/lintian/overrides/bash "o"
file 644 0:0 usr/share/locale/de/LC_MESSAGES/bash.mo "m"
file 644 0:0 usr/share/locale/locale.alias "a"
directory 755 0:0 usr/share/man/man1
directory 755 0:0 usr/share/man/de/man1
file 644 0:0 usr/share/man/man1/mawk.1.gz "m"
file 644 0:0 usr/share/man/de/man1/mawk.1.gz "m"
symlink 777 0:0 usr/share/man/man1/awk.1.gz -> /etc/alternatives/awk.1.gz
symlink 777 0:0 etc/alternatives/awk.1.gz -> /usr/share/man/man1/mawk.1.gz
file 644 0:0 usr/share/zoneinfo/UTC "z"
directory 755 0:0 usr/share/empty
`;

test("slim keeps copyrights, the folders of manual pages, and what dpkg may put back", async () => {
  const lines = await linesOf(slim(rootfsOf(TREE), BUILD), { directories: true });
  const paths = lines.map((line) => line.split(" ").slice(3).join(" "));
  expect(paths.filter((path) => !path.startsWith("etc/dpkg/"))).toEqual([
    "etc/",
    "etc/alternatives/",
    "etc/alternatives/awk.1.gz -> /usr/share/man/man1/mawk.1.gz",
    "usr/",
    "usr/share/",
    "usr/share/doc/",
    "usr/share/doc/bash/",
    'usr/share/doc/bash/copyright "c"',
    "usr/share/doc/bash-link -> bash",
    "usr/share/empty/",
    "usr/share/info/",
    "usr/share/lintian/",
    "usr/share/lintian/overrides/",
    "usr/share/locale/",
    'usr/share/locale/locale.alias "a"',
    "usr/share/man/",
    "usr/share/man/man1/",
    "usr/share/zoneinfo/",
    'usr/share/zoneinfo/UTC "z"',
  ]);
});

test("slim tells dpkg the same rules", async () => {
  const config = await readTextFile(slim(rootfsOf(TREE), BUILD), "etc/dpkg/dpkg.cfg.d/docker");
  expect(config).toContain("\npath-exclude /usr/share/man/*\n");
  expect(config).toContain("\npath-include /usr/share/doc/*/copyright\n");
  expect(config?.indexOf("path-include")).toBeGreaterThan(config?.lastIndexOf("path-exclude") ?? 0);
});
