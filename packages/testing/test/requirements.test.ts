import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { locationOf, requires } from "../src/requirements.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "base-kit-requirements-"));
  vi.stubEnv("BASE_KIT_TEST_SKIPS", join(folder, "skips"));
  vi.stubEnv("CI", "");
  vi.stubEnv(
    "BASE_KIT_TEST_TOOLS",
    JSON.stringify({
      skopeo: { available: true, version: "1.9.3" },
      docker: { available: true, version: "20.10.24", location: "unix:///run/docker.sock" },
      podman: { available: false, reason: "podman is not installed" },
      root: { available: false, reason: "not running as root" },
    }),
  );
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

describe("requires", () => {
  it("lets a test run when the machine has everything", () => {
    expect(requires("docker", "skopeo")).toEqual({ skip: false });
  });

  it("skips with every reason, and notes which file asked", () => {
    const reason = "podman: podman is not installed; root: not running as root";
    expect(requires("docker", "podman", "root")).toEqual({ skip: true, reason });
    expect(JSON.parse(readFileSync(join(folder, "skips"), "utf8"))).toEqual({ test: import.meta.filename, reason });
  });

  it("throws in CI instead of skipping", () => {
    vi.stubEnv("CI", "true");
    expect(() => requires("podman")).toThrow("nothing may be skipped when CI is set");
    expect(requires("docker")).toEqual({ skip: false });
  });

  it("refuses an answer that is silent about a tool", () => {
    expect(() => requires("umoci")).toThrow("BASE_KIT_TEST_TOOLS says nothing about umoci");
  });

  it("looks at the machine itself when nobody has", () => {
    vi.stubEnv("BASE_KIT_TEST_TOOLS", "");
    const isRoot = process.getuid?.() === 0;
    expect(requires("root").skip).toBe(!isRoot);
  });
});

describe("locationOf", () => {
  it("is the address of an engine", () => {
    expect(locationOf("docker")).toBe("unix:///run/docker.sock");
  });

  it.each([
    ["podman", "podman is not available: podman is not installed"],
    ["skopeo", "skopeo is a program on the PATH and has no address"],
  ] as const)("is refused for %s", (tool, message) => {
    expect(() => locationOf(tool)).toThrow(message);
  });
});
