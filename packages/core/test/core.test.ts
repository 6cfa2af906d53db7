import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  BaseKitError,
  bufferFromBytes,
  bytesFromBuffer,
  bytesFromText,
  canonicalJson,
  type Event,
  formatPlatform,
  fullyQualified,
  hasControls,
  isBaseKitError,
  isUtf8,
  parsePlatform,
  parseReference,
  printable,
  redactUrl,
  step,
  textFromBytes,
} from "../src/index.ts";

/** Any character; fast-check's own unit "binary" takes seconds to list them all. */
const character = fc
  .nat(0x10ffff)
  .filter((code) => code < 0xd800 || code > 0xdfff)
  .map((code) => String.fromCodePoint(code));

describe("names as bytes", () => {
  test("survive the way to a string and back", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(bufferFromBytes(bytesFromBuffer(bytes)).equals(Buffer.from(bytes))).toBe(true);
      }),
    );
  });

  test("of a text are its UTF-8", () => {
    fc.assert(
      fc.property(fc.string({ unit: character }), (text) => {
        const bytes = bytesFromText(text);
        expect(textFromBytes(bytes)).toBe(Buffer.from(text).toString());
        expect(isUtf8(bytes)).toBe(true);
      }),
    );
  });

  test.each([
    ["a\nb", true],
    ["\u001b[2J", true],
    ["\u007f", true],
    ["a\u009bb", true],
    ["Főtanúsítvány À 日本", false],
    ["\u00a0", false],
  ])("%j has control characters: %s", (text, expected) => {
    expect(hasControls(bytesFromText(text))).toBe(expected);
  });

  test("are ordered by their bytes, whatever the locale", () => {
    const names = ["Z", "a", "é", "\uffff", "😀"].map(bytesFromText);
    const byBytes = [...names].sort((a, b) => Buffer.compare(bufferFromBytes(a), bufferFromBytes(b)));
    expect([...names].sort((a, b) => (a < b ? -1 : 1))).toEqual(byBytes);
  });
});

describe("what is printed", () => {
  test.each([
    ["usr/bin/x", "usr/bin/x"],
    ["", '""'],
    ["two words", '"two words"'],
    ["a\nb", '"a\\nb"'],
    ["\x1b[31m", '"\\x1b[31m"'],
    [bytesFromText("café"), "café"],
    ["caf\xe9\x80", '"caf\\xe9\\x80"'],
    ["a\u202eb", '"a\\u{202e}b"'],
    ["\u200b", '"\\u{200b}"'],
    ['say "x"', '"say \\"x\\""'],
  ])("of %j is %s", (value, shown) => {
    expect(printable(value)).toBe(shown);
  });

  test("has no control character and is not endless, for any bytes or text", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: character, maxLength: 2000 }),
          fc.uint8Array({ maxLength: 2000 }).map((bytes) => bytesFromBuffer(bytes)),
        ),
        (value) => {
          const shown = printable(value);
          expect(shown).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
          expect(shown.length).toBeLessThanOrEqual(303);
        },
      ),
    );
  });
});

describe("a URL in a message", () => {
  test.each([
    ["https://example.com/a?b=c", "https://example.com/a?b=***"],
    ["http://user:secret@example.com/x#token", "http://***@example.com/x"],
    ["http://user@example.com/", "http://***@example.com/"],
    ["//user:secret@host", "//***@host"],
    ["file:///srv/mirror", "file:///srv/mirror"],
  ])("%s becomes %s", (url, shown) => {
    expect(redactUrl(url)).toBe(shown);
  });

  test("never shows a password", () => {
    fc.assert(
      fc.property(fc.webUrl(), fc.stringMatching(/^[a-z]{12}$/), (url, secret) => {
        expect(redactUrl(url.replace("://", `://user:${secret}@`))).not.toContain(secret);
      }),
    );
  });
});

describe("an image name", () => {
  test.each([
    ["focal", "docker.io/library/focal:latest", "focal:latest"],
    ["demo/bookworm:1.0", "docker.io/demo/bookworm:1.0", "demo/bookworm:1.0"],
    ["docker.io/library/x", "docker.io/library/x:latest", "x:latest"],
    ["localhost/x", "localhost/x:latest", "localhost/x:latest"],
    ["localhost:5000/a/b/c:T_1.2-3", "localhost:5000/a/b/c:T_1.2-3", "localhost:5000/a/b/c:T_1.2-3"],
    ["[::1]:5000/x", "[::1]:5000/x:latest", "[::1]:5000/x:latest"],
    ["demo/sha256:1", "docker.io/demo/sha256:1", "demo/sha256:1"],
    ["localhost/sha256:1", "localhost/sha256:1", "localhost/sha256:1"],
    ["a--b/c__d/e.f", "docker.io/a--b/c__d/e.f:latest", "a--b/c__d/e.f:latest"],
  ])("%s means %s", (text, full, familiar) => {
    const reference = parseReference(text);
    expect(fullyQualified(reference)).toBe(full);
    expect(reference.familiar).toBe(familiar);
    expect(parseReference(reference.familiar)).toEqual(reference);
  });

  test.each([
    "",
    ":tag",
    "Upper/case",
    "a/",
    "/a",
    "a//b",
    "-a",
    "a-",
    "a..b",
    "a___b",
    "a:",
    "a:b:c",
    "a:-tag",
    `a:${"t".repeat(129)}`,
    "a".repeat(256),
    "f".repeat(64),
    "a@sha256:00",
    "sha256",
    "sha256:987514e5ed4a",
    "docker.io/library/sha256:1",
    "--help",
    "a b",
    "a\nb",
    "$(id)",
    "../../etc",
    "example.com:99999999/x",
  ])("%j is refused before anything is done", (text) => {
    expect(() => parseReference(text)).toThrow(expect.objectContaining({ code: "REFERENCE_INVALID", kind: "usage" }));
  });

  test.each(["scratch", "scratch:1", "library/scratch", "docker.io/library/scratch"])("%s is Docker's own", (text) => {
    expect(() => parseReference(text)).toThrow(expect.objectContaining({ code: "REFERENCE_RESERVED" }));
  });

  test("of any text is a name or refused", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme-ascii" }), (text) => {
        try {
          parseReference(text);
        } catch (error) {
          expect(error).toMatchObject({ kind: "usage" });
        }
      }),
    );
  });
});

describe("a platform", () => {
  test.each([
    ["amd64", "linux/amd64"],
    ["x86_64", "linux/amd64"],
    ["linux/arm64", "linux/arm64"],
    ["aarch64", "linux/arm64"],
    ["arm64/v8", "linux/arm64"],
    ["armhf", "linux/arm/v7"],
    ["arm/v6", "linux/arm/v6"],
    ["i386", "linux/386"],
    ["ppc64el", "linux/ppc64le"],
  ])("%s is %s", (text, formatted) => {
    expect(formatPlatform(parsePlatform(text))).toBe(formatted);
    expect(parsePlatform(formatted)).toEqual(parsePlatform(text));
  });

  test.each(["", "vax", "amd64/v1/v2", "linux/", "arm/7", "windows/amd64", "--help"])("%j is refused", (text) => {
    expect(() => parsePlatform(text)).toThrow(expect.objectContaining({ code: "PLATFORM_UNKNOWN", kind: "usage" }));
  });
});

test("canonical JSON depends on the value alone", () => {
  expect(canonicalJson({ b: [1, { d: 1, c: null }], a: "x" })).toBe('{"a":"x","b":[1,{"c":null,"d":1}]}');
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      const reversed = Object.fromEntries(Object.entries(value).reverse());
      expect(canonicalJson(reversed)).toBe(canonicalJson(value));
      expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});

test("an error is known by its name, also when another copy of the package made it", () => {
  class BaseKitErrorOfAnotherCopy extends Error {
    override readonly name = "BaseKitError";
    readonly code = "X";
    readonly kind = "usage";
  }
  expect(isBaseKitError(new BaseKitErrorOfAnotherCopy())).toBe(true);
  expect(isBaseKitError(new BaseKitError("X", "x", { kind: "usage" }))).toBe(true);
  expect(isBaseKitError(new Error("x"))).toBe(false);
});

test("a step tells its start, progress and end, also when it fails", async () => {
  const events: Event[] = [];
  let now = 0;
  const context = {
    reporter: { emit: (event: Event) => void events.push(event) },
    clock: { monotonicMs: () => (now += 5) },
  };
  const result = await step(context, "work", (handle) => {
    handle.progress(1, { total: 2 });
    handle.detail("all of it");
    return 42;
  });
  await expect(step(context, "more", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(result).toBe(42);
  expect(events.map(({ type }) => type)).toEqual([
    "step.started",
    "step.progressed",
    "step.ended",
    "step.started",
    "step.ended",
  ]);
  expect(events[2]).toMatchObject({ outcome: "done", durationMs: 5, detail: "all of it" });
  expect(events[4]).toMatchObject({ outcome: "failed" });
  const stopped = { ...context, signal: AbortSignal.abort() };
  await expect(step(stopped, "other", () => Promise.reject(new Error("because of it")))).rejects.toThrow();
  expect(events.at(-1)).toMatchObject({ outcome: "stopped" });
});
