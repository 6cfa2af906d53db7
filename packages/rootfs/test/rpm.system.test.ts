import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bytesFromText } from "@base-kit/core";
import { requires } from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseRpmDatabase } from "../src/databases/rpm.ts";
import { describeRootfs, fileEntry, packageFiles } from "../src/index.ts";

/** An epoch, a name with capitals, more files than fit into one page of the database, and a name with blanks. */
const SPEC = `
Name: Mixed-Case
Epoch: 3
Version: 1.2
Release: 4.fc40
Summary: x
License: GPLv2+ and MIT
BuildArch: noarch
%description
x
%package -n libfoo
Summary: y
Epoch: 0
%description -n libfoo
y
%install
mkdir -p %{buildroot}/usr/lib/foo %{buildroot}/usr/share/many
echo a > "%{buildroot}/usr/lib/foo/lib foo.so.1"
for i in $(seq 300); do echo $i > %{buildroot}/usr/share/many/file-$i; done
%files
/usr/share/many
%files -n libfoo
"/usr/lib/foo/lib foo.so.1"
`;

describe.skipIf(requires("rpm").skip)("rpm's database", () => {
  let dir: string;
  let database: Buffer;
  const rpm = (...args: readonly string[]) =>
    execFileSync("rpm", ["--dbpath", join(dir, "db"), ...args], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), "base-kit-rpm-"));
    writeFileSync(join(dir, "x.spec"), SPEC);
    execFileSync("rpmbuild", ["--quiet", "-bb", "--define", `_topdir ${dir}/top`, join(dir, "x.spec")], {
      stdio: "ignore",
    });
    mkdirSync(join(dir, "db"));
    const made = join(dir, "top/RPMS/noarch");
    rpm(
      "--install",
      "--justdb",
      "--nodeps",
      "--define",
      "_db_backend sqlite",
      ...readdirSync(made).map((name) => join(made, name)),
    );
    database = readFileSync(join(dir, "db/rpmdb.sqlite"));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  test("is read as rpm reads it", () => {
    const format = "%{NAME}|%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}|%{ARCH}|%{LICENSE}\\n";
    const theirs = rpm("--query", "--all", "--queryformat", format).trim().split("\n").sort();
    const found = parseRpmDatabase(database);
    expect(
      found
        .map(({ package: { name, version, architecture, licence } }) => `${name}|${version}|${architecture}|${licence}`)
        .sort(),
    ).toEqual(theirs);
    for (const { package: each, files } of found)
      expect(files).toEqual(rpm("--query", "--list", each.name).trim().split("\n"));
    expect(found.find(({ package: { name } }) => name === "libfoo")?.package.source).toBe("Mixed-Case");
  });

  test("tells the packages of a root filesystem, and whose each file is", async () => {
    const entries = [
      fileEntry("usr/lib/sysimage/rpm/rpmdb.sqlite", database),
      fileEntry("usr/lib/foo/lib foo.so.1", "a"),
      fileEntry("usr/lib/foo/other", "a"),
    ];
    const segment = { key: "x", origin: "base", entries: () => entries };
    const { packages } = await describeRootfs([segment], { os: "linux", architecture: "amd64" });
    expect(packages.map(({ name, version }) => `${name} ${version}`)).toEqual([
      "Mixed-Case 3:1.2-4.fc40",
      "libfoo 0:1.2-4.fc40",
    ]);
    const owners = await packageFiles({ segments: [segment] }, entries);
    expect(owners.get(bytesFromText("usr/lib/foo/lib foo.so.1"))).toBe("libfoo");
    expect(owners.has(bytesFromText("usr/lib/foo/other"))).toBe(false);
  });

  test("that is damaged anywhere has fewer packages, or none; never an error", () => {
    for (let at = 0; at < 4096; at += 3) {
      for (const value of [0, 1, 0xff]) {
        const damaged = Buffer.from(database);
        damaged[at] = value;
        expect(parseRpmDatabase(damaged).length).toBeLessThanOrEqual(2);
      }
    }
    for (let end = 0; end < database.length; end += 1021) parseRpmDatabase(database.subarray(0, end));
    expect(parseRpmDatabase(Buffer.from("text"))).toEqual([]);
  });
});
