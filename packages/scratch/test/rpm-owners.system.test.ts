import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bytesFromText } from "@base-kit/core";
import { directoryRoot } from "@base-kit/elf";
import { requires } from "@base-kit/testing";
import { expect, test } from "vitest";
import { ownersOf } from "../src/owners.ts";

const SPEC = `
Name: libfoo
Version: 1.2
Release: 4.fc40
Summary: x
License: MIT
BuildArch: noarch
%description
x
%install
mkdir -p %{buildroot}/usr/lib64
echo a > %{buildroot}/usr/lib64/libfoo.so.1
%files
/usr/lib64/libfoo.so.1
`;

test.skipIf(requires("rpm").skip).each(["var/lib/rpm", "usr/lib/sysimage/rpm"])(
  "a library belongs to the package that rpm installed it with (%s)",
  (place) => {
    const dir = mkdtempSync(join(tmpdir(), "base-kit-rpm-owners-"));
    try {
      const root = join(dir, "root");
      const database = join(root, place);
      mkdirSync(database, { recursive: true });
      writeFileSync(join(dir, "x.spec"), SPEC);
      const quietly = { stdio: "ignore" } as const;
      execFileSync(
        "rpmbuild",
        [
          "--quiet",
          "-bb",
          "--define",
          `_topdir ${dir}/top`,
          "--define",
          "__os_install_post %{nil}",
          join(dir, "x.spec"),
        ],
        quietly,
      );
      const [made] = readdirSync(join(dir, "top/RPMS/noarch"));
      execFileSync(
        "rpm",
        [
          "--dbpath",
          database,
          "--install",
          "--justdb",
          "--nodeps",
          "--define",
          "_db_backend sqlite",
          join(dir, "top/RPMS/noarch", made ?? ""),
        ],
        quietly,
      );
      const path = bytesFromText("/usr/lib64/libfoo.so.1");
      const { packages, byPath } = ownersOf(directoryRoot(root), [path, bytesFromText("/usr/lib64/other.so")]);
      expect([...byPath]).toEqual([[path, "libfoo"]]);
      expect(packages).toMatchObject([
        { name: "libfoo", version: "1.2-4.fc40", architecture: "noarch", licence: "MIT" },
      ]);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  },
);
