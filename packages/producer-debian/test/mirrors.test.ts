import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Context } from "@base-kit/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { chooseMirrors } from "../src/archive/mirrors.ts";

/** A machine without apt. */
let hostRoot: string;
beforeAll(() => {
  hostRoot = mkdtempSync(join(tmpdir(), "base-kit-test-"));
});
afterAll(() => rmSync(hostRoot, { recursive: true }));

const UBUNTU = "http://archive.ubuntu.com/ubuntu";
const PORTS = "http://ports.ubuntu.com/ubuntu-ports";

test.each([
  ["ubuntu", "amd64", UBUNTU, ["http://security.ubuntu.com/ubuntu"]],
  ["ubuntu", "i386", UBUNTU, ["http://security.ubuntu.com/ubuntu"]],
  ["ubuntu", "arm64", PORTS, [PORTS]],
  ["ubuntu", "riscv64", PORTS, [PORTS]],
  ["debian", "arm64", "http://ftp.debian.org/debian", ["http://security.debian.org/debian-security"]],
] as const)("%s for %s is at %s, its security updates at %j", async (distribution, architecture, main, security) => {
  const request = { distribution, suite: "x", architecture, hostRoot };
  const found = await chooseMirrors(request, { env: {} } as Context);
  expect(found).toEqual({ main, security, isChosen: false, keyring: undefined });
});

test.each([
  [{ mirror: "http://option/ubuntu" }, { BASE_KIT_UBUNTU_MIRROR: "http://variable/ubuntu" }, "http://option/ubuntu"],
  [{}, { BASE_KIT_UBUNTU_MIRROR: "http://variable/ubuntu/" }, "http://variable/ubuntu"],
  [{}, { BASE_KIT_DEBIAN_MIRROR: "http://variable/debian" }, PORTS],
] as const)("what was named comes first: %j and %j give %s", async (options, env, main) => {
  const request = { ...options, distribution: "ubuntu", suite: "x", architecture: "arm64", hostRoot } as const;
  expect(await chooseMirrors(request, { env } as unknown as Context)).toMatchObject({ main });
});
