import { BaseKitError, printable } from "@base-kit/core";

export function expectSame(what: string, expected: string, found: string): void {
  if (expected !== found) invalid(what, expected, found);
}

export function invalid(what: string, expected: string, found: string): never {
  throw new BaseKitError(
    "IMAGE_INVALID",
    `the image is not sound: ${what}: expected ${expected}, found ${printable(found)}`,
    {
      kind: "verification",
      hint: "It was not handed on. If base-kit has just written it, the disk or a bug is at fault: please report it.",
    },
  );
}
