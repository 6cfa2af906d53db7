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
