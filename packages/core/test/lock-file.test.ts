import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type BaseKitError,
  formatLockFile,
  isBaseKitError,
  type LockFile,
  parseLockFile,
  requestDifferences,
  requestDigest,
} from "../src/index.ts";

const DIGEST = `sha256:${"a".repeat(64)}` as const;
const request = {
  producer: "alpine",
  release: "3.20",
  options: { variant: "minirootfs", include: ["curl", "git"], slim: false },
};
const file: LockFile = {
  request,
  platforms: [
    {
      lock: {
        lockVersion: 1,
        producer: "alpine",
        release: "3.20.3",
        platform: { os: "linux", architecture: "amd64" },
        sourceDateEpoch: 1_700_000_000,
        inputs: [
          { name: "latest-releases.yaml", url: "https://mirror.example.com/alpine/latest-releases.yaml" },
          {
            name: "alpine-minirootfs.tar.gz",
            url: "https://mirror.example.com/alpine/alpine-minirootfs.tar.gz",
            size: 3_500_000,
            sha256: "b".repeat(64),
            sha512: "c".repeat(128),
            verifiedBy: "latest-releases.yaml",
            facts: { version: "3.20.3", section: "base" },
          },
        ],
        options: { variant: "minirootfs" },
      },
      built: {
        manifest: DIGEST,
        config: DIGEST,
        diffIds: [DIGEST],
        compressor: "zlib/1.3 level 6",
        settings: { env: ["A=b"] },
      },
    },
    {
      lock: {
        lockVersion: 1,
        producer: "alpine",
        release: "3.20.3",
        platform: { os: "linux", architecture: "arm64", variant: "v8" },
        sourceDateEpoch: 0,
        inputs: [],
        options: {},
      },
    },
  ],
};
const text = formatLockFile(file);

function failure(work: () => unknown): BaseKitError {
  try {
    work();
  } catch (error) {
    if (isBaseKitError(error)) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("a lock file", () => {
  test("is read back as it was written", () => {
    expect(parseLockFile(text, "base-kit.lock")).toEqual(file);
    expect(formatLockFile(parseLockFile(text, "base-kit.lock"))).toBe(text);
  });

  test("has one line per input and option, so that a difference is one line", () => {
    expect(text).toMatch(/^ {8}\{"name":"alpine-minirootfs\.tar\.gz","url":[^\n]*\},?$/m);
    expect(text).toMatch(/^ {4}"include": \["curl","git"\],$/m);
    const changed = text.split("\n").filter((line, index) => {
      const other = formatLockFile({ ...file, request: { ...request, release: "3.21" } });
      return line !== other.split("\n")[index];
    });
    expect(changed).toHaveLength(2);
  });

  test("does not depend on the order things were given in", () => {
    const options = { slim: false, include: ["curl", "git"], variant: "minirootfs" };
    const shuffled = { request: { ...request, options }, platforms: file.platforms.toReversed() };
    expect(formatLockFile(shuffled)).toBe(text);
    expect(requestDigest(shuffled.request)).toBe(requestDigest(request));
  });

  test("survives a checkout with CRLF", () => {
    expect(parseLockFile(text.replaceAll("\n", "\r\n"), "base-kit.lock")).toEqual(file);
  });

  test("is never written with a password", () => {
    const [first, ...rest] = file.platforms as [LockFile["platforms"][0]];
    const inputs = [{ name: "x", url: "https://me:secret@mirror.example.com/x" }];
    const leaking = { ...file, platforms: [{ ...first, lock: { ...first.lock, inputs } }, ...rest] };
    const error = failure(() => formatLockFile(leaking));
    expect(error.code).toBe("LOCK_WITH_CREDENTIALS");
    expect(error.message).not.toContain("secret");
  });

  test.each([
    ["nothing", "", "is not JSON"],
    ["something else", "[]", "expected an object"],
    ["a merge conflict", text.replace('  "release"', '<<<<<<< HEAD\n  "release"'), "merge conflict, line 5"],
    ["half of it", text.slice(0, 300), "is not JSON"],
    ["a comma too many", text.replace('"release": "3.20",', '"release": "3.20",,'), "not JSON, line 5"],
    [
      "another release written by hand",
      text.replace('"release": "3.20"', '"release": "3.21"'),
      "the digest of the request",
    ],
    ["an unknown member", text.replace('"producer"', '"script": "rm", "producer"'), "found script"],
    ["an unknown member of an input", text.replace('"size":', '"run":"x","size":'), "found run"],
    ["a short digest", text.replace("b".repeat(64), "b".repeat(63)), "64 hexadecimal digits"],
    ["an upper-case digest", text.replace("b".repeat(64), "B".repeat(64)), "64 hexadecimal digits"],
    ["a negative size", text.replace("3500000", "-1"), "not negative"],
    ["a large size", text.replace("3500000", "1e300"), "whole number"],
    ["an ftp URL", text.replace("https://mirror.example.com/alpine/latest", "ftp://mirror/x"), "http, https, file"],
    ["an unknown platform", text.replace("linux/amd64", "linux/amd46"), "a known platform"],
    ["a platform twice", text.replace("linux/arm64", "linux/amd64"), "every platform once"],
    ["endless brackets", text.replace('"slim": false', `"slim": ${"[".repeat(1e5)}${"]".repeat(1e5)}`), "too deeply"],
    ["a date that is none", text.replace("1700000000", '"now"'), "whole number"],
  ])("that holds %s is refused, and says where", (_, bad, expected) => {
    const error = failure(() => parseLockFile(bad, "base-kit.lock"));
    expect(error).toMatchObject({ code: "LOCK_INVALID", kind: "usage", message: expect.stringContaining(expected) });
    expect(error.message).toContain("base-kit.lock");
  });

  test("with a password is refused without showing it", () => {
    const error = failure(() => parseLockFile(text.replace("https://mirror", "https://me:secret@mirror"), "f"));
    expect(error.code).toBe("LOCK_INVALID");
    expect(JSON.stringify([error.message, error.hint])).not.toContain("secret");
  });

  test("of a newer format says so", () => {
    const newer = text.replace('"lockfileVersion": 1', '"lockfileVersion": 2').replace('"producer"', '"kind"');
    expect(failure(() => parseLockFile(newer, "base-kit.lock"))).toMatchObject({
      code: "LOCK_TOO_NEW",
      message: expect.stringContaining("its format is 2"),
    });
  });

  test("changed anywhere is the same, another, or an error: never a crash", () => {
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.string({ maxLength: 3 }), fc.nat(3), (at, put, cut) => {
        const changed = text.slice(0, at) + put + text.slice(at + cut);
        try {
          formatLockFile(parseLockFile(changed, "base-kit.lock"));
        } catch (error) {
          if (!isBaseKitError(error)) throw error;
        }
      }),
      { numRuns: 300 },
    );
  });

  test("cannot reach prototypes", () => {
    const bad = text.replace('"options": {', '"options": {"__proto__": {"polluted": true},');
    expect(failure(() => parseLockFile(bad, "f")).code).toBe("LOCK_INVALID");
    expect("polluted" in {}).toBe(false);
  });
});

test("two requests that differ are told apart in the words of the command line", () => {
  expect(requestDifferences(request, request)).toEqual([]);
  const asked = { producer: "alpine", release: null, options: { include: [], slim: false, pathExclude: "a b" } };
  expect(requestDifferences(request, asked)).toEqual([
    "release: locked 3.20, asked for nothing",
    "--include: locked curl,git, asked for nothing",
    '--path-exclude: locked nothing, asked for "a b"',
    "--variant: locked minirootfs, asked for nothing",
  ]);
});
