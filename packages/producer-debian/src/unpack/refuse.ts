import { BaseKitError, printable } from "@base-kit/core";

export function refuseDeb(name: string, why: string): never {
  throw new BaseKitError("DEB_INVALID", `the package ${printable(name)} is refused: ${why}`, {
    kind: "verification",
    hint: "Its checksum is the one that was signed, so it was published like this. Nothing was written.",
  });
}
