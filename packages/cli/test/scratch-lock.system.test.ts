import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { printingProgram } from "@base-kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createSandbox, type Sandbox } from "./run-cli.ts";

let sandbox: Sandbox;
beforeEach(() => {
  sandbox = createSandbox();
  writeFileSync(sandbox.work("hello"), printingProgram("hello\n"), { mode: 0o755 });
  utimesSync(sandbox.work("hello"), 1_600_000_000, 1_600_000_000);
  mkdirSync(sandbox.work("data"));
  writeFileSync(sandbox.work("data/a b"), "one");
  symlinkSync("a b", sandbox.work("data/link"));
});
afterEach(async () => {
  const left = await sandbox.leftovers();
  sandbox.dispose();
  expect(left).toEqual([]);
});

const request = () => ["scratch", "./hello", "--with", sandbox.work("data"), "--user", "app"];
const make = (...flags: readonly string[]) => sandbox.run([...request(), "-o", "oci:images:x", ...flags]);
const idOf = async (...flags: readonly string[]) =>
  (await sandbox.json<{ readonly id: string }>([...request(), "-o", "oci:images:x", ...flags])).id;

describe("a lock of an image from scratch", () => {
  test("has every file with its digest and where it is from, and gives the same image as long as they are the same", async () => {
    const id = await idOf("--lockfile");
    const text = readFileSync(sandbox.work("base-kit.lock"), "utf8");
    expect(text).toContain(`"config": "${id}"`);
    const folder = sandbox.work("data");
    const inputs = (JSON.parse(text) as { platforms: { inputs: { name: string; url: string; facts?: object }[] }[] })
      .platforms[0]?.inputs;
    expect(inputs?.map(({ name, url, facts }) => [name, url, facts && { ...facts, mtime: "…" }])).toEqual([
      ["/etc/group", "pkg:generic/base-kit#etc/group", undefined],
      ["/etc/passwd", "pkg:generic/base-kit#etc/passwd", undefined],
      ["/hello", "file:./hello", { mtime: "…" }],
      [`${folder}/a b`, `file://${folder}/a%20b`, { mtime: "…" }],
      [`${folder}/link`, `file://${folder}/link`, { mtime: "…", link: "a b" }],
    ]);
    // Built again, it has the same bytes and another time.
    utimesSync(sandbox.work("hello"), 1_800_000_000, 1_800_000_000);
    for (const flags of [["--lockfile"], ["--frozen-lockfile"]]) expect(await idOf(...flags)).toBe(id);
    expect(readFileSync(sandbox.work("base-kit.lock"), "utf8")).toBe(text);
    expect(await sandbox.run(["verify"])).toMatchObject({ exitCode: 0 });
    expect(await sandbox.run(["verify", "oci:images:x"])).toMatchObject({ exitCode: 0 });
  });

  test("refuses files that are not those of the lock, and leaves everything as it is", async () => {
    await idOf("--lockfile");
    const before = readFileSync(sandbox.work("base-kit.lock"), "utf8");
    rmSync(sandbox.work("images"), { recursive: true });
    writeFileSync(sandbox.work("hello"), printingProgram("other\n"), { mode: 0o755 });
    writeFileSync(sandbox.work("data/new"), "");
    rmSync(sandbox.work("data/link"));
    symlinkSync("new", sandbox.work("data/link"));
    for (const flags of [[], ["--frozen-lockfile"]]) {
      const { exitCode, stderr } = await make(...flags);
      expect(exitCode).toBe(3);
      expect(stderr).toMatch(/\/hello has changed \(expected sha256 \w{12}…, found \w{12}…\)/);
      expect(stderr).toMatch(/data\/link leads to new; .*data\/new is new \[SCRATCH_LOCK_DIFFERS\]/);
    }
    expect(await sandbox.run(["verify"])).toMatchObject({ exitCode: 3 });
    expect(readFileSync(sandbox.work("base-kit.lock"), "utf8")).toBe(before);
    expect(existsSync(sandbox.work("images"))).toBe(false);
  });

  test.each([
    ["is missing", ["--frozen-lockfile", "--lockfile", "none"], /--frozen-lockfile needs a lock/],
    [
      "is of other programs",
      ["--frozen-lockfile", "--entrypoint", "/hello"],
      /another request: --entrypoint: locked nothing/,
    ],
  ])("that %s is told", async (_, flags, message) => {
    await idOf("--lockfile");
    expect(await make(...flags)).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(message) });
  });

  test("cannot be made by build, which says who makes it", async () => {
    expect(await sandbox.run(["build", "scratch"])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("base-kit scratch PROGRAM"),
    });
  });

  test("of a program that no package brought: the list of packages has it too", async () => {
    await idOf("--sbom", "x.spdx.json", "--sbom", "x.cdx.json");
    const spdx = JSON.parse(readFileSync(sandbox.work("x.spdx.json"), "utf8"));
    expect(spdx.packages).toContainEqual(
      expect.objectContaining({ name: "/hello", versionInfo: expect.stringMatching(/^sha256:/) }),
    );
    const cyclonedx = JSON.parse(readFileSync(sandbox.work("x.cdx.json"), "utf8"));
    expect(cyclonedx.components).toContainEqual(expect.objectContaining({ name: "/hello", type: "application" }));
  });
});
