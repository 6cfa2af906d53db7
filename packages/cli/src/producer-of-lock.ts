import type { Lock, Producer } from "@base-kit/core";
import { loadProducer, SCRATCH } from "./producers.ts";

/** Whoever can make again what a lock describes. */
export async function producerOfLock({ producer }: Lock): Promise<Producer> {
  if (producer === SCRATCH) return (await import("./scratch-producer.ts")).scratchPrograms as Producer;
  return loadProducer(producer);
}
