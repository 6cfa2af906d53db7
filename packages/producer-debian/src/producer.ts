import { defineProducer, type Producer } from "@base-kit/core";
import { type Distribution, RELEASES } from "./archive/suites.ts";
import type { DebianOptions } from "./options.ts";
import { produce } from "./produce.ts";
import { resolve } from "./resolve.ts";

export const debian: Producer<DebianOptions> = producer(
  "debian",
  "Debian natively: no root, no debootstrap, every byte verified",
);
export const ubuntu: Producer<DebianOptions> = producer(
  "ubuntu",
  "Ubuntu natively: no root, no debootstrap, every byte verified",
);

function producer(name: Distribution, summary: string): Producer<DebianOptions> {
  return defineProducer({
    name,
    summary,
    releases: RELEASES[name],
    schema: async () => (await import("./schema.ts")).debianSchema,
    resolve: (request, context) => resolve(request, name, context),
    produce,
  });
}
