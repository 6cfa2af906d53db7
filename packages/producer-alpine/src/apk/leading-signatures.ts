import { printable } from "@base-kit/core";
import { beginningAt, memberAt, refuse } from "./gzip-members.ts";
import { isSignatureName } from "./signature.ts";
import { filesOf } from "./small-tar.ts";

export interface LeadingSignatures {
  /** Contents of `.SIGN.<algorithm>.<key>` by name. */
  readonly signatures: ReadonlyMap<string, Buffer>;
  /** Where they end: the byte at which what is signed begins. */
  readonly end: number;
}

/** A signature of the largest RSA key there is takes less than two kilobytes. */
const UNPACKED_AT_MOST = 64 * 1024;

/**
 * The gzip members with signatures at the front of an index or package. Nothing behind them is unpacked: whoever could put that there need
 * not be one whose key is trusted.
 *
 * @throws BaseKitError `APK_ARCHIVE` (verification)
 */
export function leadingSignatures(file: Buffer, name: string): LeadingSignatures {
  const signatures = new Map<string, Buffer>();
  let end = 0;
  while (end < file.length && isSignatureName(beginningAt(file, { name, start: end }).toString("latin1", 0, 6))) {
    const { compressed, bytes } = memberAt(file, { name, limit: UNPACKED_AT_MOST, start: end });
    for (const [path, signature] of filesOf(bytes, name)) {
      if (!isSignatureName(path)) refuse(name, `${printable(path)} stands among its signatures, and is not signed`);
      signatures.set(path, signature);
    }
    end += compressed.length;
  }
  return { signatures, end };
}
