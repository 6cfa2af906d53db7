import { COMPONENT, PACKAGE, SUITE } from "@base-kit/debian-archive";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkOptions } from "../src/check-options.ts";
import type { DebootstrapOptions } from "../src/options.ts";
import { PLAIN_PATH } from "../src/plain-path.ts";
import { debootstrapArguments } from "../src/run-debootstrap.ts";

/** Any character; fast-check's own unit "binary" takes seconds to list them all. */
const character = fc
  .nat(0x10ffff)
  .filter((code) => code < 0xd800 || code > 0xdfff)
  .map((code) => String.fromCodePoint(code));

const HOSTILE = [
  "",
  "--help",
  "-o",
  "../../etc",
  "/etc/passwd",
  "a b",
  "a\nb",
  "bookworm\n",
  "a\0b",
  "$(id)",
  "`id`",
  "a;id",
  "a|b",
  "a&b",
  "a'b",
  'a"b',
  "a*",
  "a?b",
  "[a]",
  "{a,b}",
  "a\\b",
  "ä",
  "a\u202eb",
  "x".repeat(3000),
];

describe("words that are not what they should be are refused", () => {
  test.each(HOSTILE)("%j", (word) => {
    for (const grammar of [SUITE, COMPONENT, PACKAGE]) expect(grammar.expression.test(word)).toBe(false);
  });

  test.each(HOSTILE.filter((word) => !/^(?:\.\.\/\.\.\/etc|\/etc\/passwd)$/.test(word)))("%j for a mirror", (word) => {
    expect(PLAIN_PATH.expression.test(word)).toBe(false);
  });

  test.each([
    ["include", { include: ["vim", "--help"] }],
    ["exclude", { exclude: ["a;b"] }],
    ["components", { components: ["main) id;;"] }],
    ["components", { components: [] }],
    ["variant", { variant: "fakechroot" }],
    ["tweaks", { tweaks: ["docker-clear"] }],
    ["tweaks", { tweaks: ["none", "logs"] }],
    ["slim", { slim: "yes" }],
  ])("as the option %s: %j", async (name, options) => {
    await expect(checkOptions(options)).rejects.toMatchObject({
      code: "OPTION_INVALID",
      kind: "usage",
      message: expect.stringContaining(`--${name}`),
    });
  });

  test("all problems are told at once, and an option that does not exist is one", async () => {
    await expect(checkOptions({ include: ["A"], variant: "x", script: "/tmp/x" })).rejects.toThrow(
      /--variant.*--include A.*script/s,
    );
  });

  test("a package cannot be both included and excluded", async () => {
    await expect(checkOptions({ include: ["vim", "gpg"], exclude: ["vim"] })).rejects.toThrow(/vim/);
  });
});

describe("words that exist are accepted", () => {
  test.each(["bookworm", "sid", "jessie-kfreebsd", "rc-buggy", "etch-m68k", "bookworm-backports"])(
    "suite %s",
    (word) => {
      expect(SUITE.expression.test(word)).toBe(true);
    },
  );
  test.each(["main", "non-free-firmware", "universe"])("component %s", (word) => {
    expect(COMPONENT.expression.test(word)).toBe(true);
  });
  test.each(["g++", "libc6", "ca-certificates", "0ad", "python3.11", "libstdc++6"])("package %s", (word) => {
    expect(PACKAGE.expression.test(word)).toBe(true);
  });
  test.each(["http://deb.example.org:8080/debian", "file:///srv/mirror", "./mirror", "~/mirror"])(
    "mirror %s",
    (word) => {
      expect(PLAIN_PATH.expression.test(word)).toBe(true);
    },
  );
});

const defaults = await checkOptions({});

describe("the arguments of debootstrap", () => {
  const suite = { name: "bookworm", script: undefined, distribution: "debian", keyring: "/k", mirror: undefined };
  const run = { suite, architecture: "amd64", mirror: "http://m/debian", options: defaults };
  const place = { keyring: "/tmp/k.gpg", target: "/tmp/root" };
  const always = [
    "--components=main",
    "--keyring=/tmp/k.gpg",
    "--force-check-gpg",
    "bookworm",
    "/tmp/root",
    "http://m/debian",
  ];

  test.each([
    [{}, ["--arch=amd64", "--variant=minbase", ...always]],
    [{ variant: "default" }, ["--arch=amd64", ...always]],
    [{ variant: "-" }, ["--arch=amd64", ...always]],
    [
      { variant: "buildd", include: ["vim", "g++"], exclude: ["e2fsprogs"] },
      ["--arch=amd64", "--variant=buildd", always[0], "--include=vim,g++", "--exclude=e2fsprogs", ...always.slice(1)],
    ],
  ] satisfies [Partial<DebootstrapOptions>, unknown][])("for %j", (options, expected) => {
    expect(debootstrapArguments({ ...run, options: { ...defaults, ...options } }, place)).toEqual(expected);
  });

  test("name the script of a suite that debootstrap does not know", () => {
    const noble = { ...run, suite: { ...suite, name: "noble", script: "gutsy" } };
    expect(debootstrapArguments(noble, place).slice(-4)).toEqual(["noble", "/tmp/root", "http://m/debian", "gutsy"]);
  });

  test("hold nothing that a shell would take for more than a word", async () => {
    const words = fc.array(fc.string({ unit: character }));
    await fc.assert(
      fc.asyncProperty(words, words, words, async (include, exclude, components) => {
        const options = await checkOptions({ include, exclude, components }).catch(() => undefined);
        if (options === undefined) return;
        const args = debootstrapArguments({ ...run, options }, place);
        for (const argument of args) expect(argument).toMatch(/^[A-Za-z0-9=,/:.+-]+$/);
      }),
    );
  });
});
