import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isCompiled, isInstalled } from "../ready.mjs";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "base-kit-ready-"));
  write("tsconfig.base.json", "{}");
  write("tools/bundle/bundle.mjs", "");
  write("package-lock.json", lock({ "": {}, "node_modules/a": { version: "1.0.0" } }));
  write("packages/one/package.json", "{}");
  write("packages/one/tsconfig.lib.json", "{}");
  write("packages/one/src/index.ts", "export {};");
});

afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

function write(path: string, content: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}

function lock(packages: object): string {
  return JSON.stringify({ packages });
}

describe("dependencies count as installed", () => {
  it.each<[string, object | undefined, boolean]>([
    ["not without npm's record, as after an interrupted install", undefined, false],
    ["when the record has every version of the lockfile", { "node_modules/a": { version: "1.0.0" } }, true],
    ["not when a version differs", { "node_modules/a": { version: "1.0.1" } }, false],
    ["not when one is missing", {}, false],
  ])("%s", (_, installed, expected) => {
    if (installed) write("node_modules/.package-lock.json", lock(installed));
    expect(isInstalled(root)).toBe(expected);
  });

  it("without the optional ones of other platforms, but not without a package of the workspace", () => {
    write("package-lock.json", lock({ "node_modules/b-darwin": { version: "1.0.0", optional: true } }));
    write("node_modules/.package-lock.json", lock({}));
    expect(isInstalled(root)).toBe(true);
    write(
      "package-lock.json",
      lock({ "packages/one": {}, "node_modules/one": { link: true, resolved: "packages/one" } }),
    );
    expect(isInstalled(root)).toBe(false);
  });
});

describe("packages count as compiled", () => {
  const LATER = new Date(Date.now() + 60_000);
  const MUCH_LATER = new Date(Date.now() + 120_000);

  beforeEach(() => {
    write("packages/one/dist/.tsbuildinfo", "{}");
    write("packages/cli/bundle/main.js", "import './part.js';");
    write("packages/cli/bundle/part.js", "run();");
    const bundle = "main.js\0import './part.js';part.js\0run();";
    write("node_modules/.cache/base-kit/compiled", createHash("sha256").update(bundle).digest("hex"));
    utimesSync(join(root, "node_modules/.cache/base-kit/compiled"), LATER, LATER);
  });

  it("when nothing is newer than the compiler's last run", () => {
    expect(isCompiled(root)).toBe(true);
  });

  it.each([
    "tsconfig.base.json",
    "packages/one/package.json",
    "packages/one/tsconfig.lib.json",
    "packages/one/src/index.ts",
    "packages/one/src",
    "tools/bundle",
    "tools/bundle/bundle.mjs",
  ])("not when %s is newer", (path) => {
    utimesSync(join(root, path), MUCH_LATER, MUCH_LATER);
    expect(isCompiled(root)).toBe(false);
  });

  it.each<[string, () => void]>([
    ["is not there", () => rmSync(join(root, "packages/cli/bundle"), { recursive: true })],
    ["lacks a file", () => rmSync(join(root, "packages/cli/bundle/part.js"))],
    ["has a file that was cut", () => write("packages/cli/bundle/part.js", "ru")],
    ["has a file of zeros", () => write("packages/cli/bundle/part.js", "\0".repeat(6))],
    ["has a file more", () => write("packages/cli/bundle/more.js", "")],
    ["was made by a run that did not end", () => rmSync(join(root, "node_modules/.cache/base-kit/compiled"))],
  ])("not when the bundle of the command line %s", (_, spoil) => {
    spoil();
    expect(isCompiled(root)).toBe(false);
  });

  it("not when one package never was", () => {
    write("packages/two/tsconfig.lib.json", "{}");
    write("packages/two/src/index.ts", "");
    expect(isCompiled(root)).toBe(false);
  });
});
