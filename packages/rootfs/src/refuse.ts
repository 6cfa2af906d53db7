import { BaseKitError, type ByteString, printable } from "@base-kit/core";

/**
 * The refusal of a root filesystem, with the path and whose it is.
 *
 * @throws BaseKitError always; kind `unsupported`
 */
export function refuse(code: string, origin: string, path: ByteString, why: string, hint: string): never {
  throw new BaseKitError(
    code,
    `refusing the root filesystem (${printable(origin)}) at ${printable(`/${path}`)}: ${why}`,
    {
      kind: "unsupported",
      hint: `${hint} Nothing was written.`,
    },
  );
}
