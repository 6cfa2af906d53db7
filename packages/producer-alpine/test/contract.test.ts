import { parsePlatform } from "@base-kit/core";
import { producerContract, startMirror } from "@base-kit/testing";
import { afterAll, describe, test } from "vitest";
import { alpine } from "../src/index.ts";
import { testContext } from "./in-context.ts";
import { smallRelease } from "./small-mirror.ts";

const mirror = await startMirror(await smallRelease());
afterAll(() => mirror.close());

describe("alpine keeps the contract of producers", () => {
  const given = { release: "3.20", platform: parsePlatform("amd64"), options: { mirror: mirror.url } };
  for (const check of producerContract(alpine, { ...given, createContext: testContext })) test(check.name, check.run);
});
