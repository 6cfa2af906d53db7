import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Context } from "@base-kit/core";
import { createContext, type HostContext } from "@base-kit/host";
import { createStore } from "@base-kit/store";
import { requires } from "@base-kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { requireAbleHost } from "../src/preflight.ts";

let dir: string;
let context: HostContext;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "base-kit-test-"));
  context = await createContext({ createStore, cacheDir: dir, env: { ...process.env, TMPDIR: dir } });
});
afterEach(async () => {
  await context[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true });
});

describe.skipIf(requires("unshare", "root").skip)("whether debootstrap can work here is found out first", () => {
  test.each([
    ["SYS_ADMIN", "NAMESPACES_REFUSED"],
    ["MKNOD", "TEMP_DIR_NODEV"],
  ])("where root has no capability %s, it is named", async (capability, code) => {
    const without = [`--bounding-set=-${capability.toLowerCase()}`, `--inh-caps=-${capability.toLowerCase()}`, "--"];
    const weak: Context = {
      ...context,
      exec: (file, args, options) => context.exec("setpriv", [...without, file, ...args], options),
    };
    await expect(requireAbleHost(weak)).rejects.toMatchObject({
      code,
      kind: "environment",
      hint: expect.stringContaining(capability),
    });
    expect(readdirSync(context.tempDir).filter((name) => name.startsWith("probe-"))).toEqual([]);
  });

  test("with all of them it can", async () => {
    await expect(requireAbleHost(context)).resolves.toBeUndefined();
  });
});

test("on another system than Linux it cannot, which is told as that", async () => {
  const platform = Object.getOwnPropertyDescriptor(process, "platform") as PropertyDescriptor;
  Object.defineProperty(process, "platform", { ...platform, value: "darwin" });
  try {
    await expect(requireAbleHost(context)).rejects.toMatchObject({
      code: "NOT_LINUX",
      kind: "unsupported",
      message: "debootstrap needs Linux, this is darwin",
    });
  } finally {
    Object.defineProperty(process, "platform", platform);
  }
});
