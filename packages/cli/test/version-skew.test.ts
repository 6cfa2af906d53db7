import { type InstalledPackage, parsePlatform, type Rootfs } from "@base-kit/core";
import { describe, expect, test } from "vitest";
import { platformsFromFlag } from "../src/options/platforms.ts";
import { requireSameVersions } from "../src/version-skew.ts";

function source(architecture: string, versions: readonly (readonly [string, string])[]): { readonly rootfs: Rootfs } {
  const packages = versions.map(([name, version]): InstalledPackage => ({ name, version, architecture }));
  return {
    rootfs: { platform: parsePlatform(architecture), osRelease: {}, packages, segments: [], runtime: {} },
  };
}

describe("the versions of an image for several architectures", () => {
  test("are the same, and a package may be on one alone", () => {
    requireSameVersions([
      source("amd64", [
        ["a", "1"],
        ["only-here", "3"],
        ["kernel", "1"],
        ["kernel", "2"],
      ]),
      source("arm64", [
        ["kernel", "2"],
        ["kernel", "1"],
        ["a", "1"],
      ]),
    ]);
    requireSameVersions([source("amd64", [["a", "1"]])]);
    requireSameVersions([]);
  });

  test("that differ are named with their architectures", () => {
    const skewed = [
      source("amd64", [
        ["a", "1"],
        ["b", "2"],
      ]),
      source("arm64", [
        ["a", "1"],
        ["b", "2+b1"],
      ]),
    ];
    expect(() => requireSameVersions(skewed)).toThrow(
      expect.objectContaining({
        code: "VERSION_SKEW",
        kind: "verification",
        message: expect.stringContaining("b 2 (linux/amd64) and 2+b1 (linux/arm64)"),
      }),
    );
  });
});

describe("--arch", () => {
  test("names each platform once, in its order", () => {
    expect(platformsFromFlag(["arm64", "amd64", "arm/v7"]).map(({ architecture }) => architecture)).toEqual([
      "arm64",
      "amd64",
      "arm",
    ]);
    expect(platformsFromFlag(undefined)).toHaveLength(1);
    expect(() => platformsFromFlag(["amd64", "x86_64"])).toThrow(expect.objectContaining({ code: "OPTION_INVALID" }));
    expect(() => platformsFromFlag(["amd65"])).toThrow(expect.objectContaining({ code: "PLATFORM_UNKNOWN" }));
  });
});
