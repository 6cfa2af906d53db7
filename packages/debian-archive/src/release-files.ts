import { BaseKitError, type Context, isBaseKitError, printable, redactUrl } from "@base-kit/core";
import { type Keyring, loadKeyring, type Verified, verifyClearsigned, verifyDetached } from "@base-kit/signatures";
import { fetchBytes } from "@base-kit/store";

/** apt's limit. */
const RELEASE_AT_MOST = 10 * 1024 * 1024;

/** A suite's Release as the mirror has it, and what makes it trusted. */
export interface FetchedRelease {
  /** In the order of the files: `InRelease`, or `Release` and `Release.gpg`. */
  readonly files: readonly ReleaseFile[];
  readonly verified: Verified;
}

export interface ReleaseFile {
  readonly name: "InRelease" | "Release" | "Release.gpg";
  readonly url: string;
  readonly sha256: string;
  readonly size: number;
  readonly bytes: Uint8Array;
}

/** Where a suite is, and by whose keys it has to be signed. */
export interface SuitePlace {
  /** Without a slash at the end. */
  readonly mirror: string;
  readonly suite: string;
  readonly keyring: Keyring;
}

/**
 * Fetches the Release of a suite and verifies who signed it.
 *
 * @throws BaseKitError of kind network when the mirror does not have it, verification when it is not signed or not trusted
 */
export async function fetchRelease({ mirror, suite, keyring }: SuitePlace, context: Context): Promise<FetchedRelease> {
  const fetch = (name: ReleaseFile["name"]) =>
    fetchReleaseFile({ url: `${mirror}/dists/${suite}/${name}`, name, label: `${suite}/${name}` }, context);
  const inRelease = await fetch("InRelease").catch(unlessMissing);
  const subject = (file: ReleaseFile) => `the Release of ${printable(suite)} (${redactUrl(file.url)})`;
  if (inRelease) {
    const verified = verifyClearsigned(inRelease.bytes, { keyring, subject: subject(inRelease) }, context);
    return { files: [inRelease], verified };
  }
  const release = await fetch("Release").catch((error: unknown) => explainMissing(error, { suite, mirror }));
  const signature = (await fetch("Release.gpg").catch(unlessMissing)) ?? unsigned({ suite, mirror, keyring });
  const signed = { data: release.bytes, signature: signature.bytes };
  const verified = verifyDetached(signed, { keyring, subject: subject(release) }, context);
  return { files: [release, signature], verified };
}

export interface KeyringUse {
  readonly distribution: string;
  /** Whether `--keyring` named it: no package would bring that file. */
  readonly isNamed: boolean;
}

/** @throws BaseKitError `KEYRING_MISSING` (environment), or as `loadKeyring` */
export async function requireKeyring(path: string, { distribution, isNamed }: KeyringUse): Promise<Keyring> {
  try {
    return await loadKeyring(path);
  } catch (cause) {
    if (!isBaseKitError(cause) || cause.code !== "KEYRING_UNREADABLE") throw cause;
    const packages = distribution === "ubuntu" ? "ubuntu-keyring" : `${distribution}-archive-keyring`;
    const advice = isNamed
      ? `Give --keyring a file with the archive's OpenPGP keys (.gpg, .asc or .kbx), or leave it away if the keys of ${distribution} have signed the archive.`
      : `Install the package ${packages}, or name a file with the archive's keys by --keyring.`;
    throw new BaseKitError("KEYRING_MISSING", `the archive of ${distribution} cannot be verified: ${cause.message}`, {
      kind: "environment",
      hint: `${advice} Nothing is built from an archive that cannot be verified.`,
      cause,
    });
  }
}

async function fetchReleaseFile(
  { url, name, label }: Pick<ReleaseFile, "url" | "name"> & { readonly label: string },
  context: Context,
): Promise<ReleaseFile> {
  const { bytes, sha256 } = await fetchBytes({ url, name: label, limit: RELEASE_AT_MOST }, context);
  return { name, url, size: bytes.length, sha256, bytes };
}

/** Only a mirror that says "there is no such file" may be asked for another: any other failure stays one. */
function unlessMissing(error: unknown): undefined {
  if (!isBaseKitError(error) || !["FETCH_NOT_FOUND", "FILE_NOT_FOUND"].includes(error.code)) throw error;
}

function unsigned({ suite, mirror, keyring }: SuitePlace): never {
  throw new BaseKitError(
    "RELEASE_UNSIGNED",
    `the Release of ${printable(suite)} at ${redactUrl(mirror)} is not signed: there is neither dists/${suite}/InRelease nor dists/${suite}/Release.gpg. Keyring: ${printable(keyring.source)}`,
    {
      kind: "verification",
      hint: "Nothing is built from an archive that cannot be verified. Sign it, or use another mirror.",
    },
  );
}

function explainMissing(error: unknown, { suite, mirror }: { readonly suite: string; readonly mirror: string }): never {
  unlessMissing(error);
  throw new BaseKitError(
    "SUITE_NOT_ON_MIRROR",
    `the mirror ${redactUrl(mirror)} has no suite ${suite}: there is no dists/${suite}/Release`,
    {
      kind: "network",
      hint: "Is its address right (what comes before /dists), and does it carry this suite? Old releases move to archive.debian.org and old-releases.ubuntu.com.",
      cause: error,
    },
  );
}
