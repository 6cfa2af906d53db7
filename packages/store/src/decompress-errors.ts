import { BaseKitError } from "@base-kit/core";

interface Place {
  readonly name: string;
  readonly offset: number;
}

export function damaged({ name, offset }: Place, why: string, cause?: unknown): BaseKitError {
  return new BaseKitError("DECOMPRESS_DAMAGED", `${name} is damaged near byte ${offset}: ${why}`, {
    kind: "verification",
    hint: "If its checksum was right, it was published like this: tell those who made it.",
    cause,
  });
}

export function unsupported({ name }: Place, what: string, hint?: string): BaseKitError {
  return new BaseKitError("DECOMPRESS_UNSUPPORTED", `${name} cannot be read: ${what}`, {
    kind: "unsupported",
    ...(hint === undefined ? {} : { hint }),
  });
}

export function tooLarge(name: string, limit: number): BaseKitError {
  return new BaseKitError("DECOMPRESS_TOO_LARGE", `${name} unpacks to more than ${limit} bytes`, {
    kind: "unsupported",
    hint: "It may be made to fill the disk; nothing of it was used.",
  });
}
