import { createPublicKey, type KeyObject } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { BaseKitError, printable, systemErrorCode, systemErrorReason } from "@base-kit/core";
import { ALPINE_KEYS } from "./apk/alpine-keys.ts";
import type { TrustedKeys } from "./apk/signature.ts";

export interface Trust {
  readonly producer: string;
  /** Alpine's name. */
  readonly architecture: string;
  /** A file or folder that the user names. */
  readonly keyring: unknown;
}

/**
 * Keys of a file or folder that the user names, and for Alpine its own for an architecture; of another distribution they say nothing.
 *
 * @throws BaseKitError `KEYRING_INVALID` (usage)
 */
export async function trustedKeys({ producer, architecture, keyring }: Trust): Promise<TrustedKeys> {
  const keys = new Map<string, KeyObject>();
  for (const { name, architectures, key } of ALPINE_KEYS) {
    if (producer !== "alpine" || !architectures.includes(architecture)) continue;
    keys.set(name, createPublicKey({ key: Buffer.from(key, "base64"), format: "der", type: "spki" }));
  }
  for (const [name, key] of typeof keyring === "string" ? await keysIn(keyring) : []) keys.set(name, key);
  return keys;
}

/** A key that was fetched, under the name that signatures have for it. */
export async function keyFrom(path: string, name: string): Promise<TrustedKeys> {
  return new Map([[name, parseKey(name, await readFile(path))]]);
}

/**
 * Before anything is fetched: what is not there would have no say in what is trusted, where no package is to be verified.
 *
 * @throws BaseKitError `KEYRING_INVALID` (usage)
 */
export async function requireKeyringThere(keyring: string): Promise<void> {
  await stat(keyring).catch((error: unknown) => unreadable(keyring, error));
}

/** A signature refers to its key by the name of the file, so the names matter. */
async function keysIn(keyring: string): Promise<readonly (readonly [string, KeyObject])[]> {
  const files = await filesIn(keyring).catch((error: unknown) => unreadable(keyring, error));
  const keys = await Promise.all(
    files.map(async (file) => [basename(file), parseKey(file, await readFile(file))] as const),
  );
  return keys;
}

async function filesIn(keyring: string): Promise<readonly string[]> {
  // OpenPGP keys are for the minirootfs.
  if (!(await stat(keyring)).isDirectory()) return /\.(?:asc|gpg|pgp)$/.test(keyring) ? [] : [keyring];
  const names = (await readdir(keyring)).filter((name) => name.endsWith(".rsa.pub")).sort();
  return names.map((name) => join(keyring, name));
}

function parseKey(file: string, bytes: Buffer): KeyObject {
  // A private key would be taken too, and its public half used; it has no business in a keyring.
  if (bytes.includes("PRIVATE KEY")) return invalid(file, "it is a private key");
  try {
    const key = createPublicKey(bytes);
    if (key.asymmetricKeyType === "rsa" && (key.asymmetricKeyDetails?.modulusLength ?? 0) >= 2048) return key;
  } catch (error) {
    return invalid(file, "it is no public key", error);
  }
  return invalid(file, "it is no RSA key of at least 2048 bits");
}

function unreadable(keyring: string, error: unknown): never {
  const isMissing = systemErrorCode(error) === "ENOENT";
  return invalid(keyring, isMissing ? "there is no such file or folder" : systemErrorReason(error), error);
}

function invalid(file: string, why: string, cause?: unknown): never {
  throw new BaseKitError("KEYRING_INVALID", `the keyring ${printable(file)} cannot be used: ${why}`, {
    kind: "usage",
    hint: "Give a key in PEM as in /etc/apk/keys, under the name it has there, or a folder of them. Nothing was fetched.",
    cause,
  });
}
