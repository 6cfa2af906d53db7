export type { AcceptedSignature } from "./acceptable.ts";
export { armor, dearmor } from "./armor.ts";
export { detachedSignatures } from "./detached.ts";
export { type Keyring, loadKeyring, parseKeyring } from "./keyring.ts";
export type { PublicKey } from "./public-key.ts";
export { type IndexDigest, parseRelease, type Release } from "./release.ts";
export { type ReleaseExpectation, requireExpectedRelease } from "./release-policy.ts";
export { type Verified, type VerifyOptions, verifyClearsigned, verifyDetached } from "./verify.ts";
