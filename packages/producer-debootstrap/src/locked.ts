import { fileURLToPath } from "node:url";
import { BaseKitError, type Lock, printable } from "@base-kit/core";
import { mirrorArgument } from "./archive.ts";
import { checkOptions } from "./check-options.ts";
import type { DebootstrapOptions } from "./options.ts";

export const KEYRING_INPUT = "keyring";
export const PROGRAM_INPUT = "debootstrap";

/** What a lock says, checked as strictly as what a user types: it is a text that anyone may have changed. */
export interface Locked {
  readonly options: DebootstrapOptions;
  readonly mirror: string;
  readonly keyring: { readonly path: string; readonly sha256: string | undefined };
  /** Digests of `InRelease`, or of `Release` and `Release.gpg`. */
  readonly releaseFiles: ReadonlyMap<string, string | undefined>;
  readonly debootstrapVersion: string | undefined;
}

/** @throws BaseKitError `LOCK_INVALID`, `OPTION_INVALID`, `MIRROR_INVALID` (usage) */
export async function readLock(lock: Lock): Promise<Locked> {
  const options = await checkOptions(lock.options);
  const input = (name: string) => lock.inputs.find((each) => each.name === name);
  const release = input("InRelease") ?? input("Release");
  const keyring = input(KEYRING_INPUT);
  const end = `/dists/${lock.release}/${release?.name}`;
  if (
    release === undefined ||
    keyring === undefined ||
    !release.url.endsWith(end) ||
    !keyring.url.startsWith("file:")
  ) {
    throw new BaseKitError("LOCK_INVALID", `the lock of debootstrap:${printable(lock.release)} is not whole`, {
      kind: "usage",
      hint: "It has to name the Release and the keyring it was verified with. Make the lock again.",
    });
  }
  const files = lock.inputs.filter(({ name }) => ["InRelease", "Release", "Release.gpg"].includes(name));
  return {
    options,
    mirror: mirrorArgument(release.url.slice(0, -end.length)),
    keyring: { path: fileURLToPath(keyring.url), sha256: keyring.sha256 },
    releaseFiles: new Map(files.map(({ name, sha256 }) => [name, sha256])),
    debootstrapVersion: input(PROGRAM_INPUT)?.url.replace(/^[^@]*@/, ""),
  };
}
