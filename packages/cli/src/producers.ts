import { BaseKitError, closest, type Producer, printable } from "@base-kit/core";

/** The producers this command line knows, each loaded when it is used. A new distribution is one more line here. */
export const PRODUCERS: Readonly<Record<string, () => Promise<Producer>>> = {
  alpine: async () => (await import("@base-kit/producer-alpine")).alpine as Producer,
  debian: async () => (await import("@base-kit/producer-debian")).debian as Producer,
  debootstrap: async () => (await import("@base-kit/producer-debootstrap")).debootstrap as Producer,
  image: async () => (await import("./image-producer.ts")).existingImage,
  ubuntu: async () => (await import("@base-kit/producer-debian")).ubuntu as Producer,
  wolfi: async () => (await import("@base-kit/producer-alpine")).wolfi as Producer,
};

/** As a lock file names what `base-kit scratch` made. `build` does not know it: it has no programs to be told of. */
export const SCRATCH = "scratch";

export interface ProducerSpec {
  readonly name: string;
  readonly release: string | undefined;
}

/** `alpine:3.20` taken apart. */
export function parseProducerSpec(spec: string): ProducerSpec {
  const colon = spec.indexOf(":");
  return colon < 0
    ? { name: spec, release: undefined }
    : { name: spec.slice(0, colon), release: spec.slice(colon + 1) };
}

/** @throws BaseKitError `PRODUCER_UNKNOWN` (usage) */
export async function loadProducer(name: string): Promise<Producer> {
  const load = Object.hasOwn(PRODUCERS, name) ? PRODUCERS[name] : undefined;
  if (load === undefined) {
    const known = Object.keys(PRODUCERS);
    const near = closest(name, known);
    const meant = near.length === 0 ? "" : `Did you mean ${near.join(" or ")}? `;
    throw new BaseKitError(
      "PRODUCER_UNKNOWN",
      `there is no producer ${printable(name)}; expected one of ${known.join(", ")}`,
      {
        kind: "usage",
        hint:
          name === SCRATCH
            ? "An image of programs alone is made with `base-kit scratch PROGRAM…`."
            : `${meant}A build looks like \`base-kit build alpine:3.20\`; \`base-kit producers\` tells what each can do.`,
      },
    );
  }
  return load();
}
