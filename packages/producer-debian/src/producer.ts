import { defineProducer, type Producer } from "@base-kit/core";
import { type Distribution, RELEASES } from "./archive/suites.ts";
import type { DebianOptions } from "./options.ts";

export const debian: Producer<DebianOptions> = producer(
  "debian",
  "Debian from its packages: no root, no debootstrap, every byte verified",
);
export const ubuntu: Producer<DebianOptions> = producer(
  "ubuntu",
  "Ubuntu from its packages: no root, no debootstrap, every byte verified",
);

function producer(name: Distribution, summary: string): Producer<DebianOptions> {
  return defineProducer({
    name,
    summary,
    releases: RELEASES[name],
    schema: async () => (await import("./schema.ts")).debianSchema,
    resolve: async (request, context) =>
      (await import("./resolve.ts")).resolve(request, { distribution: name }, context),
    circumstances: async (lock) => (await import("./circumstances.ts")).circumstances(lock),
    keepsFailed: true,
    produce: async (...args) => (await import("./produce.ts")).produce(...args),
  });
}
