import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseRelease, type Release, type ReleaseExpectation, requireExpectedRelease } from "../src/index.ts";

/** Any character; fast-check's own unit "binary" takes seconds to list them all. */
const character = fc
  .nat(0x10ffff)
  .filter((code) => code < 0xd800 || code > 0xdfff)
  .map((code) => String.fromCodePoint(code));

const DIGEST = "a".repeat(64);
const NOW = Date.UTC(2026, 6, 12) / 1000;

const RELEASE = `Origin: Debian
Label: Debian
Suite: oldstable
Version: 12.15
Codename: bookworm
Date: Sat, 11 Jul 2026 10:16:37 UTC
Acquire-By-Hash: yes
Architectures: all amd64 arm64
Components: main contrib
Description: Debian 12.15
MD5Sum:
 0ed6d4c8891eb86358b94bb35d9e4da4  1484322 main/binary-amd64/Packages
SHA256:
 ${DIGEST}      42 main/binary-amd64/Packages.xz
 ${"b".repeat(64)} 17 main/binary-arm64/Packages.xz
`;

describe("a Release file", () => {
  test("gives names, date and digests", () => {
    expect(parseRelease(RELEASE, "x")).toEqual({
      origin: "Debian",
      label: "Debian",
      suite: "oldstable",
      codename: "bookworm",
      version: "12.15",
      date: Date.UTC(2026, 6, 11, 10, 16, 37) / 1000,
      validUntil: undefined,
      architectures: ["all", "amd64", "arm64"],
      components: ["main", "contrib"],
      acquireByHash: true,
      indexOfAll: !RELEASE.includes("No-Support-for-Architecture-all"),
      indexes: new Map([
        ["main/binary-amd64/Packages.xz", { sha256: DIGEST, size: 42 }],
        ["main/binary-arm64/Packages.xz", { sha256: "b".repeat(64), size: 17 }],
      ]),
    });
  });

  test("says whether packages for all architectures are listed apart", () => {
    const without = RELEASE.replace(/^No-Support.*\n/m, "");
    expect(parseRelease(without, "x").indexOfAll).toBe(true);
    expect(parseRelease(`No-Support-for-Architecture-all: Packages\n${without}`, "x").indexOfAll).toBe(false);
    expect(parseRelease(without.replace("all amd64", "amd64"), "x").indexOfAll).toBe(false);
  });

  test.each([
    ["no Date", (text: string) => text.replace(/^Date:.*\n/m, "")],
    ["only weak digests", (text: string) => text.replace(/^SHA256:[\s\S]*/m, "")],
    ["a date in a local zone", (text: string) => text.replace("UTC", "CEST")],
    ["an impossible date", (text: string) => text.replace("11 Jul", "31 Jun")],
    ["a field twice", (text: string) => `${text}Suite: evil\n`],
    ["a line of more than 1 MiB", (text: string) => `Notes: ${"x".repeat(2 ** 20)}\n${text}`],
    ["a NUL in a value", (text: string) => text.replace("Label: ", "Label: \0")],
    ["a CR in a value", (text: string) => text.replace("Label: ", "Label: \rSuite: x")],
    ["a CR among its digests", (text: string) => text.replace(` ${DIGEST}`, ` \r${DIGEST}`)],
    ["a line that is no field", (text: string) => `${text}nonsense\n`],
    ["a digest that is too short", (text: string) => text.replace(DIGEST, "abc")],
    ["a path above the suite", (text: string) => text.replace("main/binary-amd64/Packages.xz", "../../x")],
    ["an absolute path", (text: string) => text.replace("main/binary-amd64/Packages.xz", "/etc/passwd")],
    ["a URL for a path", (text: string) => text.replace("main/binary-amd64/Packages.xz", "http://x/y")],
    ["two digests for one path", (text: string) => `${text} ${"c".repeat(64)} 17 main/binary-arm64/Packages.xz\n`],
    ["nothing", () => ""],
  ])("with %s is refused", (_, change) => {
    expect(() => parseRelease(change(RELEASE), "the Release of x")).toThrow(
      expect.objectContaining({ code: "RELEASE_MALFORMED", message: expect.stringContaining("the Release of x") }),
    );
  });

  test.each([
    "Sat, 11 Jul 2026 10:16:37 UTC",
    "Sat, 11 Jul 2026 10:16:37 +0000",
    "11 Jul 2026 10:16:37 GMT",
    "Sat,  1 Jul 2023 10:16:37 UTC",
  ])("the date may be written %s", (date) => {
    const release = parseRelease(RELEASE.replace(/^Date:.*$/m, `Date: ${date}`), "x");
    expect(release.date).toBe(Date.parse(date) / 1000);
  });

  test("what is listed comes out as it went in", () => {
    const path = fc
      .array(fc.stringMatching(/^[A-Za-z0-9_-][A-Za-z0-9._+-]*$/), { minLength: 1, maxLength: 4 })
      .map((names) => names.join("/"));
    const hex = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString("hex"));
    const indexes = fc.dictionary(path, fc.record({ sha256: hex, size: fc.nat() }), { noNullPrototype: true });
    fc.assert(
      fc.property(
        indexes,
        fc.date({ min: new Date(0), max: new Date("2500-01-01"), noInvalidDate: true }),
        (listed, date) => {
          const lines = Object.entries(listed).map(([name, { sha256, size }]) => ` ${sha256} ${size} ${name}`);
          const text = [`Date: ${date.toUTCString()}`, "SHA256:", ...lines, ""].join("\n");
          const release = parseRelease(text, "x");
          expect(Object.fromEntries(release.indexes)).toEqual(listed);
          expect(release.date).toBe(Math.floor(date.getTime() / 1000));
        },
      ),
    );
  });

  test("any text is either parsed or refused by name", () => {
    const mutated = fc
      .tuple(fc.nat(RELEASE.length), fc.nat(20), fc.string({ unit: character }))
      .map(([at, cut, put]) => RELEASE.slice(0, at) + put + RELEASE.slice(at + cut));
    fc.assert(
      fc.property(fc.oneof(mutated, fc.string({ unit: character })), (text) => {
        try {
          parseRelease(text, "x");
        } catch (error) {
          expect(error).toMatchObject({ code: "RELEASE_MALFORMED" });
        }
      }),
    );
  });
});

describe("the Release that was asked for", () => {
  const release = parseRelease(RELEASE, "x");
  const expected: ReleaseExpectation = {
    suite: "bookworm",
    components: ["main"],
    architecture: "amd64",
    now: NOW,
    subject: "the Release of x",
  };

  test.each([
    ["its codename", {}, {}],
    ["its suite", { suite: "oldstable" }, {}],
    ["a date within the tolerance", { now: release.date - 599 }, {}],
    ["an end within the tolerance", {}, { validUntil: NOW - 599 }],
  ] as const)("is accepted by %s", (_, asked, found) => {
    expect(() => requireExpectedRelease({ ...release, ...found }, { ...expected, ...asked })).not.toThrow();
  });

  test.each([
    ["another suite", { suite: "trixie" }, {}, "RELEASE_WRONG_SUITE", "verification", "codename bookworm"],
    ["a missing component", { components: ["main", "universe"] }, {}, "RELEASE_WITHOUT_COMPONENT", "usage", "universe"],
    ["a missing architecture", { architecture: "armel" }, {}, "RELEASE_WITHOUT_ARCHITECTURE", "unsupported", "armel"],
    [
      "a date in the future",
      { now: release.date - 601 },
      {},
      "RELEASE_FROM_FUTURE",
      "verification",
      "2026-07-11 10:06:36 UTC",
    ],
    ["an end in the past", {}, { validUntil: NOW - 601 }, "RELEASE_EXPIRED", "verification", "2026-07-11 23:49:59 UTC"],
  ] satisfies [string, Partial<ReleaseExpectation>, Partial<Release>, string, string, string][])(
    "is refused with %s",
    (_, asked, found, code, kind, says) => {
      expect(() => requireExpectedRelease({ ...release, ...found }, { ...expected, ...asked })).toThrow(
        expect.objectContaining({ code, kind, message: expect.stringContaining(says) }),
      );
    },
  );
});
