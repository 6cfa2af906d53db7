import { execFileSync } from "node:child_process";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { requires } from "@base-kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

// Why it may be answered for while packages are configured: dpkg's own has nothing to do in a new system.
describe.skipIf(requires("debootstrap", "root").skip)("dpkg-maintscript-helper of a new installation", () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "base-kit-test-"));
    mkdirSync(join(root, "etc/directory"), { recursive: true });
    mkdirSync(join(root, "var/lib/dpkg/info"), { recursive: true });
    writeFileSync(join(root, "var/lib/dpkg/status"), "");
    for (const name of ["file", "other", "directory/file"]) writeFileSync(join(root, "etc", name), name);
    symlinkSync("/etc/directory", join(root, "etc/link"));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const helper = (script: string, words: readonly string[], ...given: readonly string[]) =>
    execFileSync("dpkg-maintscript-helper", [...words, "--", ...given], {
      env: {
        ...process.env,
        DPKG_ROOT: root,
        DPKG_ADMINDIR: join(root, "var/lib/dpkg"),
        DPKG_MAINTSCRIPT_NAME: script,
        DPKG_MAINTSCRIPT_PACKAGE: "demo",
        DPKG_MAINTSCRIPT_ARCH: "all",
        DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT: "1",
      },
      stdio: ["ignore", "pipe", "inherit"],
    }).toString();
  const tree = () =>
    readdirSync(root, { recursive: true, encoding: "utf8" })
      .sort()
      .map((path) => {
        const stats = lstatSync(join(root, path));
        return [
          path,
          stats.ino,
          stats.mode,
          stats.mtimeMs,
          stats.isFile() ? readFileSync(join(root, path), "utf8") : "",
        ];
      });

  const COMMANDS = [
    ["rm_conffile", "/etc/file"],
    ["mv_conffile", "/etc/file", "/etc/renamed"],
    ["mv_conffile", "/etc/file", "/etc/other"],
    ["symlink_to_dir", "/etc/link", "/etc/directory"],
    ["dir_to_symlink", "/etc/directory", "/etc/elsewhere"],
  ];
  const VERSIONS = [[], ["2.0-1~"], ["2.0-1~", "demo"]];
  test.each(COMMANDS.flatMap((command) => VERSIONS.map((version) => [...command, ...version].join(" "))))(
    "%s changes and says nothing",
    (words) => {
      const before = tree();
      expect(helper("preinst", words.split(" "), "install")).toBe("");
      expect(helper("postinst", words.split(" "), "configure", "")).toBe("");
      expect(tree()).toEqual(before);
    },
  );

  test("and of an upgrade it has", () => {
    helper("preinst", ["symlink_to_dir", "/etc/link", "/etc/directory", "2.0-1~"], "upgrade", "1.0");
    expect(readdirSync(join(root, "etc"))).toContain("link.dpkg-backup");
  });
});
