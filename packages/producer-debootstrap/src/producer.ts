import { defineProducer, type Producer } from "@base-kit/core";
import type { DebootstrapOptions } from "./options.ts";
import { produce } from "./produce.ts";
import { resolve } from "./resolve.ts";

/** Debian, Ubuntu and what else the installed debootstrap knows. */
export const debootstrap: Producer<DebootstrapOptions> = defineProducer({
  name: "debootstrap",
  summary: "Debian and Ubuntu by the real debootstrap (needs Linux and root)",
  releases: ["bookworm", "trixie", "sid", "noble", "jammy", "focal"],
  schema: async () => (await import("./schema.ts")).debootstrapSchema,
  resolve,
  produce,
});
