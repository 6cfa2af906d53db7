import type { FetchedRelease } from "@base-kit/debian-archive";
import { armor, detachedSignatures } from "@base-kit/signatures";

/** The bytes that debootstrap can take for an InRelease file. */
export function asInRelease({ files }: FetchedRelease, subject: string): Uint8Array {
  const [first, signature] = files;
  if (first === undefined) throw new TypeError("a fetched Release has at least one file");
  return signature === undefined ? first.bytes : joined(first.bytes, signature.bytes, subject);
}

/**
 * Release and its signature in the form of an InRelease file. debootstrap takes that apart by lines, dropping the last line
 * feed of the text, and checks the parts as a detached signature; so one empty line more gives it the very same Release.
 */
function joined(data: Uint8Array, signature: Uint8Array, subject: string): Uint8Array {
  const armored = armor(detachedSignatures(signature, subject), "SIGNATURE");
  return Buffer.concat([Buffer.from("-----BEGIN PGP SIGNED MESSAGE-----\n\n"), data, Buffer.from(`\n${armored}`)]);
}
