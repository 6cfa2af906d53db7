import type { Context, Lock, LockedInput } from "@base-kit/core";
import { describe, expect, test } from "vitest";
import { checkOptions } from "../src/check-options.ts";
import { readLock } from "../src/locked.ts";
import { produce } from "../src/produce.ts";

const INPUTS: readonly LockedInput[] = [
  { name: "InRelease", url: "http://m.example.org/debian/dists/bookworm/InRelease", sha256: "a".repeat(64) },
  { name: "keyring", url: "file:///usr/share/keyrings/debian-archive-keyring.gpg", sha256: "b".repeat(64) },
  { name: "debootstrap", url: "pkg:generic/debootstrap@1.0.128%2Bnmu2" },
];

async function lock(changes: Partial<Lock> = {}): Promise<Lock> {
  return {
    lockVersion: 1,
    producer: "debootstrap",
    release: "bookworm",
    platform: { os: "linux", architecture: "amd64" },
    sourceDateEpoch: 1,
    inputs: INPUTS,
    options: { ...(await checkOptions({})) },
    ...changes,
  };
}

describe("a lock", () => {
  test("tells what debootstrap needs", async () => {
    expect(await readLock(await lock())).toMatchObject({
      mirror: "http://m.example.org/debian",
      keyring: { path: "/usr/share/keyrings/debian-archive-keyring.gpg", sha256: "b".repeat(64) },
      debootstrapVersion: "1.0.128%2Bnmu2",
      options: { variant: "minbase" },
    });
  });

  test.each([
    ["an option that became hostile", { options: { include: ["--no-check-gpg"] } }, "OPTION_INVALID"],
    ["an option that does not exist", { options: { noCheckGpg: true } }, "OPTION_INVALID"],
    ["another suite's Release", { release: "trixie" }, "LOCK_INVALID"],
    ["no Release", { inputs: INPUTS.slice(1) }, "LOCK_INVALID"],
    ["no keyring", { inputs: INPUTS.slice(0, 1) }, "LOCK_INVALID"],
    [
      "a mirror with shell in it",
      { inputs: [{ name: "InRelease", url: "http://m/$(id)/dists/bookworm/InRelease" }, ...INPUTS.slice(1)] },
      "MIRROR_INVALID",
    ],
  ] satisfies [string, Partial<Lock>, string][])("with %s is refused", async (_, changes, code) => {
    await expect(readLock(await lock(changes))).rejects.toMatchObject({ code, kind: "usage" });
  });
});

test("without the network, debootstrap is not even started", async () => {
  const offline = { offline: true } as Context;
  await expect(produce(await lock(), offline)).rejects.toMatchObject({
    code: "OFFLINE",
    kind: "network",
    message: expect.stringContaining("http://m.example.org/debian"),
  });
});
