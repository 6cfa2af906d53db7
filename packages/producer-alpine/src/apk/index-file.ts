import { BaseKitError, bytesFromText, printable } from "@base-kit/core";
import { gzipMembers, unpackedAtMost } from "./gzip-members.ts";
import { leadingSignatures } from "./leading-signatures.ts";
import type { PackageInfo } from "./package-info.ts";
import { requireSignature, type TrustedKeys } from "./signature.ts";
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
  const { signatures, end } = leadingSignatures(file, name);
  const signer = requireSignature(file.subarray(end), { name, keys, signatures });
  const limit = unpackedAtMost(file.length, UNPACKED_AT_MOST);
  const parts = [...gzipMembers(file, { name, limit, start: end })].map(({ bytes }) => bytes);
  const text = filesOf(Buffer.concat(parts), name).get(INDEX);
  if (text === undefined) {
    throw new BaseKitError("APK_INDEX", `${printable(name)} holds no APKINDEX`, {
      kind: "verification",
      hint: "Is this a repository of Alpine? Nothing of it was used.",
    });
  }
  return { ...parsePackages(text.toString("utf8")), signer };
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
