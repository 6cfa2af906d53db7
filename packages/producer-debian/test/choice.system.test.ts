import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { locationOf, requires } from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readPackagesIndex } from "../src/index/packages-index.ts";
import { selectByDependencies } from "../src/select/by-dependencies.ts";
import { type Candidates, candidatesOf } from "../src/select/candidates.ts";
import { selectAsDebootstrap } from "../src/select/debootstrap.ts";
import { type Apt, createApt } from "./apt.ts";

const mirror = () => locationOf("debian-mirror").replace(/\/+$/, "");

async function readIndex(suite: string, architecture = "amd64") {
  const url = `${mirror()}/dists/${suite}/main/binary-${architecture}/Packages.gz`;
  const bytes = Buffer.from(await (await fetch(url)).arrayBuffer());
  return readPackagesIndex(gunzipSync(bytes), `${suite} main`);
}

const merging = { distribution: "debian", codename: "bookworm" } as const;

describe.skipIf(requires("debian-mirror").skip || !existsSync("/usr/bin/apt-get"))("apt chooses the same", () => {
  let apt: Apt;
  let candidates: Candidates;

  beforeAll(async () => {
    apt = createApt({ sources: [`deb ${mirror()} bookworm main`] });
    candidates = candidatesOf([await readIndex("bookworm")]);
  });
  afterAll(() => apt?.[Symbol.dispose]());

  // Each has something of its own: virtual packages, alternatives, versions, conflicts.
  test.each([
    "nginx",
    "postgresql git",
    "mutt mail-transport-agent",
    "php-fpm apache2",
    "systemd-sysv sysvinit-core",
    "postfix exim4-daemon-light",
    "mawk gawk",
    "x-terminal-emulator",
    "python3-all-dev",
  ])("%s", (names) => {
    const include = names.split(" ");
    const theirs = apt.install([...include, "usrmerge-"]);
    const options = { variant: "custom", include, exclude: [] } as const;
    const choose = () => selectByDependencies({ ...merging, ...options, options, candidates, architecture: "amd64" });
    if ("refused" in theirs) expect(choose).toThrow(expect.objectContaining({ kind: "usage" }));
    else
      expect(
        choose()
          .map(({ name }) => name)
          .sort(),
      ).toEqual(theirs);
  });
});

describe.skipIf(requires("debian-mirror", "debootstrap", "root").skip)("debootstrap chooses the same", () => {
  // Minbase of both suites is compared, package by package, in debootstrap-equality.system.test.ts.
  test.each([
    ["trixie", "buildd", [], []],
    ["bookworm", "-", ["nginx", "curl"], ["nano", "e2fsprogs"]],
  ] as const)("%s %s with %j, without %j", async (suite, variant, include, exclude) => {
    const dir = mkdtempSync(join(tmpdir(), "base-kit-debootstrap-"));
    try {
      const flags = [`--variant=${variant}`, "--print-debs"];
      const list = (flag: string, names: readonly string[]) =>
        names.length > 0 ? [`--${flag}=${names.join(",")}`] : [];
      const more = [...list("include", include), ...list("exclude", exclude)];
      const args = [...flags, ...more, suite, join(dir, "root"), mirror()];
      const printed = execFileSync("debootstrap", args, { stdio: ["ignore", "pipe", "ignore"] }).toString();
      const options = { variant, include, exclude };
      const indexes = [await readIndex(suite)];
      const chosen = selectAsDebootstrap({ ...merging, codename: suite, variant, options, indexes, mirror: mirror() });
      const theirs = printed.split(/\s+/).filter((word) => word !== "" && !word.startsWith("I:"));
      expect(chosen.map(({ name }) => name).sort()).toEqual([...new Set(theirs)].sort());
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
