import { BaseKitError, isBaseKitError, redactUrl } from "@base-kit/core";
import { type Keyring, loadKeyring } from "@base-kit/signatures";
import { parseRepositoryLine } from "./repository-line.ts";

/** An archive that the user added, and the keys by which it has to be signed. */
export interface AddedArchive {
  /** Without a slash at the end. */
  readonly mirror: string;
  readonly suite: string;
  readonly components: readonly string[];
  readonly keyring: Keyring;
}

/**
 * What `--repository` names, with its keyrings, before anything is fetched.
 *
 * @throws BaseKitError `REPOSITORY_INVALID` (usage); `KEYRING_UNREADABLE` (environment) telling of all that cannot be read; as `loadKeyring`
 */
export async function addedArchives(lines: readonly string[]): Promise<readonly AddedArchive[]> {
  const archives: AddedArchive[] = [];
  const failures: BaseKitError[] = [];
  for (const line of lines) {
    const { uri, suite, components, signedBy } = parseRepositoryLine(line);
    const mirror = uri.replace(/\/+$/, "");
    try {
      archives.push({ mirror, suite, components, keyring: await loadKeyring(signedBy) });
    } catch (error) {
      if (!isBaseKitError(error) || error.code !== "KEYRING_UNREADABLE") throw error;
      const what = `the archive ${redactUrl(mirror)} of --repository cannot be verified: ${error.message}`;
      failures.push(new BaseKitError(error.code, what, { kind: error.kind, cause: error }));
    }
  }
  const [first] = failures;
  if (first === undefined) return archives;
  throw new BaseKitError(first.code, failures.map(({ message }) => message).join("\n"), {
    kind: first.kind,
    hint: "signed-by= has to name a file of OpenPGP public keys (.gpg, .asc or .kbx) with those that signed the archive. Nothing was fetched.",
    cause: first,
  });
}
