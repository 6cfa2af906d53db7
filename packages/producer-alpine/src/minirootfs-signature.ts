import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Context, isBaseKitError, redactUrl } from "@base-kit/core";
import { type Keyring, loadKeyring, parseKeyring, verifyDetached } from "@base-kit/signatures";
import { fetchBytes } from "@base-kit/store";
import { isMissing } from "./newest.ts";

/**
 * Of Natanael Copa's key, with which Alpine signs its releases; alpinelinux.org/downloads names it. The key itself is fetched, and is
 * taken only when it has this fingerprint.
 */
export const RELEASE_KEY = "0482d84022f52df1c4e7cd43293acd0907d9495a";
const KEY_URL = "https://alpinelinux.org/keys/ncopa.asc";
const KEY_AT_MOST = 256 * 1024;
const SIGNATURE_AT_MOST = 64 * 1024;
const OPENPGP = /\.(?:asc|gpg|pgp)$/;

export interface SignedFile {
  readonly url: URL;
  /** Where it is now. */
  readonly path: string;
  /** A file of OpenPGP keys, or a folder with some; when there are any, the file must be signed by one of them. */
  readonly keyring: string | undefined;
}

/**
 * Who signed a mini root filesystem: the fingerprint, or undefined where there is no signature or no key to check it with, which is
 * told.
 *
 * @throws BaseKitError `SIGNATURE_…`, `OPENPGP_MALFORMED` (verification); `FETCH_NOT_FOUND` when there has to be a signature
 */
export async function minirootfsSigner(file: SignedFile, context: Context): Promise<string | undefined> {
  const own = file.keyring === undefined ? undefined : await keyringIn(file.keyring);
  const subject = redactUrl(file.url);
  const url = Object.assign(new URL(file.url), { pathname: `${file.url.pathname}.asc` });
  let signature: Buffer;
  try {
    ({ bytes: signature } = await fetchBytes({ url, limit: SIGNATURE_AT_MOST }, context));
  } catch (error) {
    if (own !== undefined || !isMissing(error)) throw error;
    tell(context, `${subject} has no signature beside it`);
    return undefined;
  }
  const keyring = own ?? (await releaseKey(context));
  if (keyring === undefined) return undefined;
  const signed = { data: await readFile(file.path), signature };
  const [by] = verifyDetached(signed, { keyring, subject }, context).signatures;
  return by?.primaryFingerprint;
}

async function keyringIn(place: string): Promise<Keyring | undefined> {
  if (!(await stat(place).catch(() => undefined))?.isDirectory())
    return OPENPGP.test(place) ? loadKeyring(place) : undefined;
  const names = (await readdir(place)).filter((name) => OPENPGP.test(name)).sort();
  const keyrings = await Promise.all(names.map((name) => loadKeyring(join(place, name))));
  if (keyrings.length === 0) return undefined;
  return parseKeyring(Buffer.concat(keyrings.map(({ packets }) => packets)), place);
}

/** Kept once it has been found right; undefined where it cannot be had. */
async function releaseKey(context: Context): Promise<Keyring | undefined> {
  const name = `openpgp-key:${RELEASE_KEY}`;
  const kept = await context.store.recall(name);
  if (kept !== undefined) return parseKeyring(kept, KEY_URL);
  try {
    const { bytes } = await fetchBytes({ url: KEY_URL, limit: KEY_AT_MOST }, context);
    const keyring = parseKeyring(bytes, KEY_URL);
    if (
      keyring.certificates.length === 1 &&
      keyring.certificates[0]?.primary.key.fingerprint.toLowerCase() === RELEASE_KEY
    ) {
      await context.store.remember(name, bytes);
      return keyring;
    }
    tell(context, `${KEY_URL} is not the key ${RELEASE_KEY} and was not used`);
  } catch (error) {
    if (!isBaseKitError(error) || error.kind === "interrupted") throw error;
    tell(context, `Alpine's release key cannot be had (${error.message})`);
  }
  return undefined;
}

function tell({ reporter }: Context, why: string): void {
  const message = `${why}: the minirootfs is trusted by its checksums alone`;
  reporter.emit({ type: "warned", code: "MINIROOTFS_NOT_SIGNED", message });
}
