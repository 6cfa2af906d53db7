import type { Lock, Producer } from "@base-kit/core";
import { expect, test } from "vitest";
import { imageSettings } from "../src/image-settings.ts";
import { imageKey } from "../src/made-before.ts";

const LOCK: Lock = {
  lockVersion: 1,
  producer: "demo",
  release: "1",
  platform: { os: "linux", architecture: "amd64" },
  sourceDateEpoch: 1,
  inputs: [],
  options: {},
};

function demo(circumstances?: string): Producer {
  return {
    name: "demo",
    summary: "",
    releases: [],
    schema: () => Promise.reject(new Error("not asked for")),
    resolve: () => Promise.reject(new Error("not asked for")),
    produce: () => Promise.reject(new Error("not asked for")),
    ...(circumstances === undefined ? {} : { circumstances: async () => circumstances }),
  };
}

const BASE = { lock: LOCK, producer: demo("all runs"), settings: imageSettings({}, {}), layers: {} };

test("the same ingredients have one key", async () => {
  expect(await imageKey(BASE)).toMatch(/^image:/);
  expect(await imageKey({ ...BASE, settings: imageSettings({}, {}) })).toBe(await imageKey(BASE));
});

test("whatever an image may depend on makes another key", async () => {
  const others = [
    { ...BASE, lock: { ...LOCK, sourceDateEpoch: 2 } },
    { ...BASE, lock: { ...LOCK, inputs: [{ name: "x", url: "https://example.org/x" }] } },
    { ...BASE, producer: demo("nothing runs") },
    { ...BASE, settings: imageSettings({ env: ["A=1"] }, {}) },
    { ...BASE, settings: imageSettings({ pathExclude: ["/x"] }, {}) },
    { ...BASE, layers: { compression: "zstd" as const } },
    { ...BASE, layers: { layers: 2 } },
  ];
  const keys = await Promise.all([BASE, ...others].map(imageKey));
  expect(new Set(keys).size).toBe(keys.length);
});

test("a producer that cannot say what it depends on has none", async () => {
  expect(await imageKey({ ...BASE, producer: demo() })).toBeUndefined();
});
