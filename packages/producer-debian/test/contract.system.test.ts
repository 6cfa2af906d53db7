import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostPlatform } from "@base-kit/core";
import { createContext } from "@base-kit/host";
import { createStore } from "@base-kit/store";
import {
  createGpgHome,
  type DescribedDeb,
  makeDebSuite,
  producerContract,
  requires,
  startMirror,
} from "@base-kit/testing";
import { afterAll, describe, test } from "vitest";
import { debian, ubuntu } from "../src/index.ts";

const { skip } = requires("gpg");
const FOLDERS = ["bin/", "etc/apt/", "usr/bin/", "var/lib/apt/", "var/lib/dpkg/info/", "var/lib/dpkg/triggers/"];
const PACKAGES: readonly DescribedDeb[] = [
  // As in every system, whose folders are some package's.
  {
    name: "base",
    files: Object.fromEntries(
      [...FOLDERS, "etc/dpkg/dpkg.cfg.d/", "usr/sbin/", "etc/apt/apt.conf.d/"].map((path) => [path, ""]),
    ),
  },
  {
    name: "demo",
    files: { "usr/bin/demo": { content: "demo", mode: 0o4755 }, "usr/bin/link": "-> demo", "etc/demo/": "" },
    fields: ["Depends: lib-demo"],
    scripts: { postinst: "#!/bin/sh\n" },
  },
  { name: "lib-demo", files: { "bin/tool": "tool", "usr/lib/demo": "lib" } },
];

describe.skipIf(skip).each([
  { producer: debian, release: "bookworm" },
  { producer: ubuntu, release: "jammy" },
])("$producer.name keeps the contract of producers", async ({ producer, release }) => {
  if (skip) return;
  const dir = mkdtempSync(join(tmpdir(), "base-kit-test-"));
  using gpg = createGpgHome();
  const by = [gpg.generate()];
  const files = makeDebSuite({ suite: release, packages: PACKAGES }, (text) => gpg.clearsign(text, { by }));
  const mirror = await startMirror(files);
  afterAll(async () => {
    await mirror.close();
    rmSync(dir, { recursive: true, force: true });
  });
  const keyring = join(dir, "keyring.gpg");
  writeFileSync(keyring, gpg.exportKeys());
  const given = { mirror: mirror.url, keyring, variant: "custom", include: ["base", "demo"], configure: "none" };
  const checks = producerContract(producer, {
    release,
    platform: hostPlatform(),
    options: (await producer.schema()).parse(given),
    // A cache of its own each time: nothing is known from the time before.
    createContext: ({ signal }) =>
      createContext({
        createStore,
        cacheDir: mkdtempSync(join(dir, "cache-")),
        env: { ...process.env, TMPDIR: dir },
        signal,
      }),
  });
  for (const { name, run } of checks) test(name, run);
});
