import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostPlatform } from "@base-kit/core";
import { createContext } from "@base-kit/host";
import { createStore } from "@base-kit/store";
import { createUbuntuMirror, producerContract, requires } from "@base-kit/testing";
import { afterAll, describe, test } from "vitest";
import { debootstrap } from "../src/index.ts";

const TOOLS = ["debootstrap", "gpg", "gpgv", "xz", "unshare", "root", "debian-mirror"] as const;
const { skip } = requires(...TOOLS);

describe.skipIf(skip)("debootstrap is a producer", { timeout: 600_000 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), "base-kit-test-"));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  const mirror = skip ? undefined : await createUbuntuMirror(mkdtempSync(join(dir, "mirror-")));
  const options = await debootstrap
    .schema()
    .then((schema) => schema.parse({ mirror: mirror?.dir, keyring: mirror?.keyring }));
  const checks = producerContract(debootstrap, {
    release: "focal",
    platform: hostPlatform(),
    options,
    createContext: ({ signal }) => {
      const env = { ...process.env, TMPDIR: dir };
      return createContext({ createStore, cacheDir: dir, env, signal });
    },
  });
  for (const { name, run } of checks) test(name, run);
});
