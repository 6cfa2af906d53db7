import { type KeyObject, verify } from "node:crypto";
import { BaseKitError, printable } from "@base-kit/core";

/** Public keys by the name of their file, which signatures refer to: `alpine-devel@lists.alpinelinux.org-6165ee59.rsa.pub`. */
export type TrustedKeys = ReadonlyMap<string, KeyObject>;

const SIGNATURE = /^\.SIGN\.(RSA|RSA256|RSA512)\.([^/]+)$/;
const ALGORITHMS: Readonly<Record<string, string>> = { RSA: "sha1", RSA256: "sha256", RSA512: "sha512" };

export function isSignatureName(path: string): boolean {
  return path.startsWith(".SIGN.");
}

/**
 * Checks that one of the signatures of a signed archive is by a trusted key, and right. While keys are changed there are several; one
 * that is by a trusted key and wrong is never passed over.
 *
 * SHA-1 is what Alpine signs with today (apk-tools, `abuild-sign`); an attacker would need a second preimage, not a collision.
 *
 * @param signatures contents of `.SIGN.<algorithm>.<key>` by name
 * @returns the name of the key
 * @throws BaseKitError `APK_UNSIGNED`, `APK_UNKNOWN_KEY`, `APK_BAD_SIGNATURE` (verification)
 */
export function requireSignature(
  signed: Uint8Array,
  { name, keys, signatures }: { name: string; keys: TrustedKeys; signatures: ReadonlyMap<string, Buffer> },
): string {
  const refuse = (code: string, why: string, hint: string): never => {
    throw new BaseKitError(code, `${printable(name)} is refused: ${why}`, { kind: "verification", hint });
  };
  const named = [...signatures.keys()].filter((path) => SIGNATURE.test(path));
  if (named.length === 0)
    refuse("APK_UNSIGNED", "it is not signed", "Only signed archives are used. Nothing of it was used.");
  let signer: string | undefined;
  for (const path of named) {
    const [, algorithm = "", keyName = ""] = SIGNATURE.exec(path) ?? [];
    const key = keys.get(keyName);
    if (key === undefined) continue;
    const isRight = verify(ALGORITHMS[algorithm], signed, key, signatures.get(path) as Buffer);
    if (!isRight) {
      refuse(
        "APK_BAD_SIGNATURE",
        `the signature by ${printable(keyName)} is wrong`,
        "It was changed after it was signed, or is damaged. Nothing of it was used.",
      );
    }
    signer ??= keyName;
  }
  if (signer !== undefined) return signer;
  const offered = named.map((path) => printable(SIGNATURE.exec(path)?.[2] ?? "")).join(", ");
  return refuse(
    "APK_UNKNOWN_KEY",
    `it is signed with ${offered}, and none of these keys is trusted`,
    `Trusted: ${[...keys.keys()].map(printable).join(", ") || "none"}. --keyring names a folder or file with more keys.`,
  );
}
