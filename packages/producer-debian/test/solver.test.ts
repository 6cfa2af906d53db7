import { expect, test } from "vitest";
import { readPackagesIndex } from "../src/index/packages-index.ts";
import type { Variant } from "../src/options.ts";
import { selectByDependencies } from "../src/select/by-dependencies.ts";
import { candidatesOf } from "../src/select/candidates.ts";

/** Packages as `a 1 ; Depends: b`. A name has at least two letters, so `a` stands for `aa`. */
const longer = (text: string) => text.replace(/\b([a-z])\b/g, "$1$1");
const shorter = (text: string) => text.replace(/\b([a-z])\1\b/g, "$1");

function select(
  packages: readonly string[],
  include: readonly string[],
  { exclude = [] as readonly string[], variant = "custom" as Variant } = {},
) {
  const index = readPackagesIndex(Buffer.from(packages.map(longer).map(stanza).join("\n")), "the test");
  const merging = { distribution: "debian", codename: "test", variant } as const;
  const options = { variant, include: include.map(longer), exclude: exclude.map(longer) };
  try {
    const chosen = selectByDependencies({
      ...merging,
      options,
      candidates: candidatesOf([index]),
      architecture: "amd64",
    });
    return chosen.map(({ name, version }) => shorter(`${name} ${version}`)).sort();
  } catch (error) {
    (error as Error).message = shorter((error as Error).message);
    throw error;
  }
}

function stanza(text: string): string {
  const [head = "", ...fields] = text.split(/ ; /);
  const [name, version] = head.split(" ");
  const file = [`Filename: pool/${name}.deb`, "Size: 1", `SHA256: ${"0".repeat(64)}`];
  return [`Package: ${name}`, `Version: ${version}`, "Architecture: amd64", ...fields, ...file, ""].join("\n");
}

test.each<[string, readonly string[], readonly string[], readonly string[]]>([
  [
    "dependencies of dependencies",
    ["a 1 ; Depends: b", "b 1 ; Pre-Depends: c", "c 1", "d 1"],
    ["a"],
    ["a 1", "b 1", "c 1"],
  ],
  ["the first alternative", ["a 1 ; Depends: b | c", "b 1", "c 1"], ["a"], ["a 1", "b 1"]],
  ["an alternative that is there anyway", ["a 1 ; Depends: b | c", "b 1", "c 1"], ["a", "c"], ["a 1", "c 1"]],
  ["the next one when a version is too old", ["a 1 ; Depends: b (>= 2) | c", "b 1", "c 1"], ["a"], ["a 1", "c 1"]],
  ["the newest of several versions", ["a 1", "a 1.10", "a 1.9"], ["a"], ["a 1.10"]],
  ["a provider", ["a 1 ; Depends: v", "p 1 ; Provides: v"], ["a"], ["a 1", "p 1"]],
  [
    "a provider with the version",
    ["a 1 ; Depends: v (>= 2)", "p 1 ; Provides: v", "q 1 ; Provides: v (= 2)"],
    ["a"],
    ["a 1", "q 1"],
  ],
  [
    "the provider of higher priority",
    ["a 1 ; Depends: v", "p 1 ; Provides: v ; Priority: optional", "q 1 ; Provides: v ; Priority: required"],
    ["a"],
    ["a 1", "q 1"],
  ],
  [
    "another way around a conflict",
    ["a 1 ; Depends: b | c", "b 1 ; Conflicts: d", "c 1", "d 1"],
    ["a", "d"],
    ["a 1", "c 1", "d 1"],
  ],
  [
    "another way around what cannot be had deep down",
    ["a 1 ; Depends: b | c", "b 1 ; Depends: x", "x 1 ; Depends: y", "c 1"],
    ["a"],
    ["a 1", "c 1"],
  ],
  [
    "back over an earlier choice",
    ["a 1 ; Depends: b | c, d", "b 1", "c 1", "d 1 ; Conflicts: b"],
    ["a"],
    ["a 1", "c 1", "d 1"],
  ],
  ["a package that conflicts with what it provides", ["a 1 ; Provides: v ; Conflicts: v"], ["a"], ["a 1"]],
  ["circles", ["a 1 ; Depends: b", "b 1 ; Depends: a"], ["a"], ["a 1", "b 1"]],
  ["any, where it is allowed", ["a 1 ; Depends: b:any", "b 1 ; Multi-Arch: allowed"], ["a"], ["a 1", "b 1"]],
  ["the one provider of a virtual package that is asked for", ["p 1 ; Provides: v"], ["v"], ["p 1"]],
])("%s", (_, packages, include, expected) => {
  expect(select(packages, include)).toEqual(expected);
});

test("breaks count only for the versions they name", () => {
  const packages = ["a 1 ; Breaks: b (<< 2)", "b 2"];
  expect(select(packages, ["a", "b"])).toEqual(["a 1", "b 2"]);
});

test("an exclusion is avoided, or told when it cannot be", () => {
  const packages = ["a 1 ; Depends: b | c", "b 1", "c 1"];
  expect(select(packages, ["a"], { exclude: ["b"] })).toEqual(["a 1", "c 1"]);
  expect(() => select(packages, ["a"], { exclude: ["b", "c"] })).toThrow(
    /a: it was asked for\n.*a 1 needs b or c\n.*excluded/,
  );
});

test.each<[string, readonly string[], readonly string[], RegExp]>([
  [
    "a missing dependency",
    ["a 1 ; Depends: b", "b 1 ; Depends: c (>= 3)", "c 1"],
    ["a"],
    /a: it was asked for\n\s+a 1 needs b\n\s+b 1 needs c \(>= 3\) \(there is 1\)/,
  ],
  ["a conflict", ["a 1 ; Depends: c", "b 1 ; Conflicts: c", "c 1"], ["a", "b"], /b 1 conflicts with c, which is c 1/],
  ["any, where it is not allowed", ["a 1 ; Depends: b:any", "b 1"], ["a"], /a 1 needs b:any/],
  ["another architecture", ["a 1 ; Depends: b:armhf", "b 1"], ["a"], /a 1 needs b:armhf/],
])("%s is explained", (_, packages, include, message) => {
  expect(() => select(packages, include)).toThrow(
    expect.objectContaining({ code: "PACKAGES_UNSATISFIABLE", message: expect.stringMatching(message) }),
  );
});

test("a name that nobody has is refused with what may have been meant", () => {
  expect(() => select(["ca-certificates 1"], ["ca-certificate"])).toThrow(
    expect.objectContaining({ code: "PACKAGE_UNKNOWN", hint: expect.stringContaining("ca-certificates") }),
  );
});

test("many choices that all fail end soon", () => {
  const pairs = Array.from({ length: 40 }, (_, at) => [`x${at}a 1`, `x${at}b 1`]).flat();
  const needs = Array.from({ length: 40 }, (_, at) => `x${at}a | x${at}b`).join(", ");
  const started = performance.now();
  expect(() => select([`a 1 ; Depends: ${needs}, z`, "z 1 ; Depends: missing", ...pairs], ["a"])).toThrow(/missing/);
  // To try them all would take years.
  expect(performance.now() - started).toBeLessThan(30_000);
});
