import { BaseKitError, type ByteString, printable } from "@base-kit/core";

/**
 * The refusal of an archive: which one, at which entry, why. Nothing has been written when it is thrown.
 *
 * @throws BaseKitError always; kind `unsupported`
 */
export function refuse(code: string, archive: string, why: string, entry?: ByteString): never {
  const where = entry === undefined ? "" : ` at entry ${printable(entry)}`;
  throw new BaseKitError(code, `refusing the archive ${printable(archive)}${where}: ${why}`, {
    kind: "unsupported",
    hint: "Nothing was written. Check where the archive comes from; GNU tar with --format=posix makes one that is accepted.",
  });
}
