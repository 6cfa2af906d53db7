import { parsePlatform } from "@base-kit/core";
import { expect, test } from "vitest";
import { debianMachine } from "../src/architecture.ts";

test.each([
  ["amd64", "amd64"],
  ["386", "i386"],
  ["i686", "i386"],
  ["arm64", "arm64"],
  ["arm/v7", "armhf"],
  ["armhf", "armhf"],
  ["armel", "armel"],
  ["ppc64le", "ppc64el"],
  ["s390x", "s390x"],
  ["riscv64", "riscv64"],
])("%s is Debian's %s", (name, debian) => {
  expect(debianMachine(parsePlatform(name)).debian).toBe(debian);
});

test("arm/v6 has no port in Debian", () => {
  expect(() => debianMachine(parsePlatform("arm/v6"))).toThrow(
    expect.objectContaining({ code: "ARCHITECTURE_UNSUPPORTED", kind: "unsupported" }),
  );
});
