import { BaseKitError, printable, redactUrl } from "@base-kit/core";
import { type AptSource, parseOneLineSources } from "@base-kit/debian-archive";

/**
 * A `--repository`: a line of sources.list(5) that says by which keyring its archive is signed.
 *
 * @throws BaseKitError `REPOSITORY_INVALID` (usage)
 */
export function parseRepositoryLine(line: string): AptSource & { readonly signedBy: string } {
  const [source, ...more] = parseOneLineSources(line.startsWith("deb") ? line : `deb ${line}`);
  if (source === undefined || more.length > 0) throw refused(line, "it is no line of sources.list(5)");
  if (!/^(?:https?|file):/.test(source.uri) || !URL.canParse(source.uri))
    throw refused(line, "its address is no http, https or file URL");
  const { username, password } = new URL(source.uri);
  if (username !== "" || password !== "")
    throw refused(line, "its address holds credentials, which would stand in the lock");
  if (!/^[A-Za-z0-9][A-Za-z0-9.~+-]*$/.test(source.suite)) throw refused(line, "archives without suites are not read");
  if (source.components.length === 0) throw refused(line, "it names no component");
  const { signedBy } = source;
  if (signedBy === undefined) throw refused(line, "it does not say by which keyring the archive is signed");
  return { ...source, signedBy };
}

function refused(line: string, why: string): BaseKitError {
  return new BaseKitError(
    "REPOSITORY_INVALID",
    `--repository ${printable(line.replace(/\S*:\/\/\S*/g, redactUrl))} is refused: ${why}`,
    {
      kind: "usage",
      hint: "Write 'deb [signed-by=/path/of/keyring.gpg] https://example.org/debian bookworm main'.",
    },
  );
}
