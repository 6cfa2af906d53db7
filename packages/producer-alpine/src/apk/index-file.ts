import { BaseKitError, bytesFromText, printable } from "@base-kit/core";
import { gzipMembers } from "./gzip-members.ts";
import type { PackageInfo } from "./package-info.ts";
import { isSignatureName, requireSignature, type TrustedKeys } from "./signature.ts";
import { filesOf } from "./small-tar.ts";
import { parseStanza } from "./stanza.ts";

/** Alpine's largest has 30 MB. */
const UNPACKED_AT_MOST = 512 * 1024 ** 2;
const INDEX = bytesFromText("APKINDEX");

export interface ApkIndex {
  readonly packages: readonly PackageInfo[];
  /** Name of the key that signed it. */
  readonly signer: string;
  /** Why packages that are listed cannot be used. */
  readonly unusable: readonly string[];
}

/**
 * The packages of an `APKINDEX.tar.gz`: a gzip member with signatures, and everything after it signed. apk-index(5).
 *
 * @throws BaseKitError `APK_ARCHIVE`, `APK_UNSIGNED`, `APK_UNKNOWN_KEY`, `APK_BAD_SIGNATURE`, `APK_INDEX` (verification)
 */
export function readIndex(
  file: Buffer,
  { name, keys }: { readonly name: string; readonly keys: TrustedKeys },
): ApkIndex {
  let signedFrom = 0;
  const signatures = new Map<string, Buffer>();
  const parts: Buffer[] = [];
  for (const { compressed, bytes } of gzipMembers(file, { name, limit: UNPACKED_AT_MOST })) {
    const files = parts.length === 0 ? signaturesOf(bytes, name) : undefined;
    if (files !== undefined) {
      for (const [path, signature] of files) signatures.set(path, signature);
      signedFrom += compressed.length;
    } else parts.push(bytes);
  }
  const signer = requireSignature(file.subarray(signedFrom), { name, keys, signatures });
  const text = filesOf(Buffer.concat(parts), name).get(INDEX);
  if (text === undefined) {
    throw new BaseKitError("APK_INDEX", `${printable(name)} holds no APKINDEX`, {
      kind: "verification",
      hint: "Is this a repository of Alpine? Nothing of it was used.",
    });
  }
  return { ...parsePackages(text.toString("utf8")), signer };
}

/** The files of a member that holds nothing but signatures. */
function signaturesOf(tar: Buffer, name: string): ReadonlyMap<string, Buffer> | undefined {
  // Only the first header is looked at before: the index itself is not for reading twice.
  if (!isSignatureName(tar.subarray(0, 100).toString("latin1"))) return undefined;
  return filesOf(tar, name);
}

function parsePackages(text: string): Pick<ApkIndex, "packages" | "unusable"> {
  const packages: PackageInfo[] = [];
  const unusable: string[] = [];
  for (let start = 0; start < text.length; ) {
    const blank = text.indexOf("\n\n", start);
    const end = blank < 0 ? text.length : blank + 1;
    const stanza = text.slice(start, end);
    start = end + 1;
    if (stanza.trim() === "") continue;
    const parsed = parseStanza(stanza);
    if ("why" in parsed) unusable.push(parsed.why);
    else packages.push(parsed);
  }
  return { packages, unusable };
}
