import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "../..");

describe("package-lock.json", () => {
  const lock = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")) as {
    packages: Record<string, { resolved?: string; link?: boolean; version?: string; optionalDependencies?: object }>;
  };

  it("names no host: any registry will do", () => {
    const urls = Object.values(lock.packages).flatMap(({ resolved }) => resolved?.match(/^[a-z+]+:.*/)?.[0] ?? []);
    expect(urls).toEqual([]);
  });

  it("lists the native tools of every platform, wherever it was written", () => {
    const names = Object.keys(lock.packages).map((path) => path.split("node_modules/").at(-1));
    const wanted = Object.values(lock.packages).flatMap(({ optionalDependencies = {} }) =>
      Object.entries(optionalDependencies).flatMap(([name, range]) => (/^\d/.test(String(range)) ? [name] : [])),
    );
    expect(wanted.length).toBeGreaterThan(30);
    expect(wanted.filter((name) => !names.includes(name))).toEqual([]);
  });
});

it("every package has the same version and no install script", () => {
  const manifests = readdirSync(join(ROOT, "packages")).map((dir) =>
    JSON.parse(readFileSync(join(ROOT, "packages", dir, "package.json"), "utf8")),
  );
  expect(new Set(manifests.map(({ version }) => version)).size).toBe(1);
  expect(manifests.filter(({ scripts }) => scripts !== undefined)).toEqual([]);
});

it("no path is taken from a URL as it is: a checkout may lie in a folder with a space in its name", () => {
  const sources = ["packages", "tools"].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
      .filter((path) => /\.(?:ts|mjs)$/.test(path) && !/(?:^|\/)(?:node_modules|dist|bundle)\//.test(path))
      .map((path) => join(folder, path)),
  );
  expect(sources.length).toBeGreaterThan(300);
  const asItIs = /import\.meta\.url\)\.pathname/;
  expect(sources.filter((path) => asItIs.test(readFileSync(join(ROOT, path), "utf8")))).toEqual([]);
});
