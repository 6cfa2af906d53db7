import { defineProducer, type Producer } from "@base-kit/core";
import type { AlpineOptions } from "./options.ts";
import { produce } from "./produce.ts";
import { resolve } from "./resolve.ts";

/** Alpine Linux, from the mini root filesystems it publishes. */
export const alpine: Producer<AlpineOptions> = defineProducer({
  name: "alpine",
  summary: "Alpine Linux from its mini root filesystems (needs no root and no other program)",
  releases: ["3.22", "3.21", "3.20", "edge", "latest-stable"],
  schema: async () => (await import("./schema.ts")).alpineSchema,
  resolve,
  circumstances: async (lock) => (await import("./circumstances.ts")).circumstances(lock),
  keepsFailed: true,
  produce,
});
