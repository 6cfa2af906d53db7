import type { ZodType } from "zod";
import type { Context } from "./context.ts";
import type { Lock } from "./lock.ts";
import type { Platform } from "./platform.ts";
import type { Rootfs } from "./rootfs.ts";

/** Makes root filesystems of one family of distributions. */
export interface Producer<Options = unknown> {
  /** What stands before the colon in `base-kit build alpine:3.20`. */
  readonly name: string;
  /** One line for the list of producers. */
  readonly summary: string;
  /** Releases worth trying, for help and error messages. */
  readonly releases: readonly string[];
  /** Strict schema of the options; property names are the command line's flags in camel case. Loaded when needed: zod is not small. */
  schema(): Promise<ZodType<Options>>;
  /** Decides everything: which files, of which digest, by whose signature. The only step that looks at the world. */
  resolve(request: ProducerRequest<Options>, context: Context): Promise<Lock>;
  /**
   * What a result depends on besides the lock, in a few words, such as whether this machine can run its programs: under the same, the
   * same lock need not be produced again. Absent where that cannot be told.
   */
  circumstances?(lock: Lock): Promise<string>;
  /** Whether it runs packages' scripts and knows what `ProduceOptions.keepFailed` asks for. @default false */
  readonly keepsFailed?: boolean;
  /** Makes the root filesystem the lock describes. */
  produce(lock: Lock, context: Context, options?: ProduceOptions): Promise<Rootfs>;
}

export interface ProduceOptions {
  /**
   * Told, when something slow such as the packages' scripts begins, of the root filesystem as it is until then: most segments will be
   * in the result under the same keys, so that whoever compresses them need not wait. A producer may leave it out.
   */
  readonly onForeseen?: (rootfs: Rootfs) => void;
  /**
   * A folder that is new or empty. When packages' scripts fail, do not end in time or are stopped, the tree as they have left it and all
   * that they printed is kept there.
   */
  readonly keepFailed?: string | undefined;
}

export interface ProducerRequest<Options> {
  /** What stands after the colon; undefined when nothing does. */
  readonly release: string | undefined;
  readonly platform: Platform;
  /** Given by `--source-date-epoch` or SOURCE_DATE_EPOCH; else the producer takes the date of its newest input. */
  readonly sourceDateEpoch: number | undefined;
  readonly options: Options;
}

/** Gives a producer its types; a producer is plain data and two functions. */
export function defineProducer<Options>(producer: Producer<Options>): Producer<Options> {
  return producer;
}
