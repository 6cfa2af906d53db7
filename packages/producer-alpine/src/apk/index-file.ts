import { BaseKitError, bytesFromText, printable } from "@base-kit/core";
import { gzipPieces, unpackedAtMost } from "./gzip-members.ts";
import { leadingSignatures } from "./leading-signatures.ts";
import type { PackageInfo } from "./package-info.ts";
import { requireSignature, type TrustedKeys } from "./signature.ts";
import { unendedTarReader } from "./small-tar.ts";
import { parseStanza } from "./stanza.ts";
import { StanzaReader } from "./stanza-reader.ts";

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
 * The packages of an `APKINDEX.tar.gz`: a gzip member with signatures, and everything after it signed. Once the signature was found right,
 * the list is unpacked and read in pieces; only what is compressed is held as a whole, for the signature is of all of it. apk-index(5).
 *
 * @throws BaseKitError `APK_ARCHIVE`, `APK_UNSIGNED`, `APK_UNKNOWN_KEY`, `APK_BAD_SIGNATURE`, `APK_INDEX` (verification), `TAR_…` (unsupported)
 */
export async function readIndex(
  file: Buffer,
  { name, keys }: { readonly name: string; readonly keys: TrustedKeys },
): Promise<ApkIndex> {
  const { signatures, end } = leadingSignatures(file, name);
  const signer = requireSignature(file.subarray(end), { name, keys, signatures });
  const packages: PackageInfo[] = [];
  const unusable: string[] = [];
  const stanzas = new StanzaReader((stanza) => {
    const parsed = parseStanza(stanza);
    if ("why" in parsed) unusable.push(parsed.why);
    else packages.push(parsed);
  });
  let isList = false;
  let isFound = false;
  const tar = unendedTarReader({
    name,
    onEntry: ({ type, path }) => {
      isList = type === "file" && path === INDEX;
      isFound ||= isList;
    },
    onContent: (bytes) => isList && stanzas.push(bytes),
  });
  const limit = unpackedAtMost(file.length, UNPACKED_AT_MOST);
  for await (const piece of gzipPieces(file, { name, limit, start: end })) tar.push(piece);
  tar.end();
  stanzas.end();
  if (!isFound) {
    throw new BaseKitError("APK_INDEX", `${printable(name)} holds no APKINDEX`, {
      kind: "verification",
      hint: "Is this a repository of Alpine? Nothing of it was used.",
    });
  }
  return { packages, unusable, signer };
}
