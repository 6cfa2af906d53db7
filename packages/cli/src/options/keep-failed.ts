import { BaseKitError, type Producer, printable } from "@base-kit/core";
import { requireNewDirectory } from "../new-directory.ts";

/**
 * Where `--keep-failed` keeps what scripts that fail have left.
 *
 * @throws BaseKitError `OPTION_INVALID` (usage) for a producer that keeps nothing, or a directory that has something in it
 */
export async function keepFailedFolder(
  producer: Producer,
  { keepFailed }: { readonly keepFailed?: string },
): Promise<string | undefined> {
  if (keepFailed === undefined) return undefined;
  if (producer.keepsFailed !== true) throw refused(`the producer ${producer.name} has no --keep-failed`);
  return requireNewDirectory(keepFailed, (why, cause) =>
    refused(`--keep-failed ${printable(keepFailed)} is refused: ${why}`, cause),
  );
}

function refused(what: string, cause?: unknown): BaseKitError {
  return new BaseKitError("OPTION_INVALID", what, {
    kind: "usage",
    hint: "It names a directory that is new or empty, for what packages' scripts that fail leave. Nothing was run or changed.",
    cause,
  });
}
