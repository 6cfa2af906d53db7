import { existsSync } from "node:fs";
import { type Context, isBaseKitError } from "@base-kit/core";
import { requireKeyring } from "@base-kit/debian-archive";
import { type Keyring, parseKeyring } from "@base-kit/signatures";
import { fetchBytes } from "@base-kit/store";
import { DEBIAN_KEYS } from "./debian-keys.ts";
import { distributionKeyring } from "./mirrors.ts";
import type { Distribution } from "./suites.ts";

/**
 * Of the keys that Ubuntu's archive is signed with (2012 and 2018; package ubuntu-keyring). The keys themselves are fetched, and are
 * taken only when they have these fingerprints.
 */
export const UBUNTU_KEYS = [
  "790bc7277767219c42c86f933b4fe6acc0b21f32",
  "f6ecb3762474eda9d21b7022871920d1991bc93c",
] as const;
const KEY_AT_MOST = 256 * 1024;

/**
 * The keys of a distribution where nobody named any: those of the machine's own package, else the pinned ones.
 *
 * @throws BaseKitError `KEYRING_MISSING` (environment) when neither can be had, or as `loadKeyring`
 */
export async function publicKeyring(distribution: Distribution, context: Context, hostRoot = ""): Promise<Keyring> {
  const packaged = distributionKeyring(distribution, hostRoot);
  if (existsSync(packaged)) return requireKeyring(packaged, { distribution, isNamed: false });
  if (distribution === "debian") return pinnedDebianKeyring();
  return (await ubuntuKeyring(context)) ?? requireKeyring(packaged, { distribution, isNamed: false });
}

export function pinnedDebianKeyring(): Keyring {
  const certificates = DEBIAN_KEYS.map(({ certificate }) => Buffer.from(certificate, "base64"));
  return parseKeyring(Buffer.concat(certificates), "of Debian's pinned keys");
}

/** Undefined, which is told, where a key cannot be had. */
async function ubuntuKeyring(context: Context): Promise<Keyring | undefined> {
  const packets: Uint8Array[] = [];
  for (const fingerprint of UBUNTU_KEYS) {
    const key = await ubuntuKey(fingerprint, context);
    if (key === undefined) return undefined;
    packets.push(key.packets);
  }
  return parseKeyring(Buffer.concat(packets), "of Ubuntu's pinned keys");
}

/** Kept once it has been found right. */
async function ubuntuKey(fingerprint: string, context: Context): Promise<Keyring | undefined> {
  const name = `openpgp-key:${fingerprint}`;
  const url = `https://keyserver.ubuntu.com/pks/lookup?op=get&options=mr&search=0x${fingerprint.toUpperCase()}`;
  const kept = await context.store.recall(name);
  if (kept !== undefined) return parseKeyring(kept, url);
  try {
    const { bytes } = await fetchBytes({ url, limit: KEY_AT_MOST }, context);
    const keyring = parseKeyring(bytes, url);
    if (isTheKey(keyring, fingerprint)) {
      await context.store.remember(name, bytes);
      return keyring;
    }
    tell(context, `${url} is not the key ${fingerprint} and was not used`);
  } catch (error) {
    if (!isBaseKitError(error) || error.kind === "interrupted") throw error;
    tell(context, `Ubuntu's key ${fingerprint} cannot be had (${error.message})`);
  }
  return undefined;
}

function isTheKey({ certificates }: Keyring, fingerprint: string): boolean {
  return certificates.length === 1 && certificates[0]?.primary.key.fingerprint.toLowerCase() === fingerprint;
}

function tell({ reporter }: Context, message: string): void {
  reporter.emit({ type: "warned", code: "ARCHIVE_KEY_NOT_FETCHED", message });
}
