import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import {
  BaseKitError,
  type Context,
  type FetchTls,
  printable,
  systemErrorCode,
  systemErrorReason,
} from "@base-kit/core";

/** Certificates are a few kilobytes; a bundle of all authorities is 250. */
const FILE_AT_MOST = 4 * 1024 ** 2;

/**
 * The certificates that docker or podman has been given for a registry, in a folder `certs.d/HOST[:PORT]`: authorities in
 * `*.crt`, our own in `*.cert` and `*.key` (docs.docker.com/engine/security/certificates, containers-certs.d(5)). Undefined when there is
 * no such folder.
 *
 * @throws BaseKitError `CERTIFICATES_INVALID` (environment)
 */
export async function readCertificates(host: string, env: Context["env"]): Promise<FetchTls | undefined> {
  for (const folder of folders(host, env)) {
    const names = await readdir(folder).catch((error: unknown) => {
      const code = systemErrorCode(error);
      if (code === "ENOENT" || code === "ENOTDIR") return undefined;
      throw invalid(folder, `it cannot be read: ${systemErrorReason(error)}`);
    });
    if (names === undefined) continue;
    const read = (ending: string) =>
      Promise.all(
        names
          .filter((name) => name.endsWith(ending))
          .sort()
          .map((name) => readPem(join(folder, name))),
      );
    const [ca, [cert], [key]] = await Promise.all([read(".crt"), read(".cert"), read(".key")]);
    if ((cert === undefined) !== (key === undefined)) throw invalid(folder, "a .cert and its .key belong together");
    return {
      ...(ca.length === 0 ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    };
  }
  return undefined;
}

function folders(host: string, env: Context["env"]): readonly string[] {
  // It is a part of a path: a reference's grammar lets no slash into it.
  const config = env["XDG_CONFIG_HOME"] || (env["HOME"] && join(env["HOME"], ".config"));
  const own = config ? [join(config, "containers", "certs.d"), join(config, "docker", "certs.d")] : [];
  return [...own, "/etc/containers/certs.d", "/etc/docker/certs.d"].map((folder) => join(folder, host));
}

async function readPem(path: string): Promise<string> {
  const found = await stat(path);
  if (!found.isFile() || found.size > FILE_AT_MOST) throw invalid(path, "it is not a file, or too large");
  const text = await readFile(path, "latin1").catch((error: unknown) => {
    throw invalid(path, `it cannot be read: ${systemErrorReason(error)}`);
  });
  if (/-----BEGIN /.test(text)) return text;
  throw invalid(path, "it is not in PEM");
}

function invalid(path: string, why: string): BaseKitError {
  return new BaseKitError("CERTIFICATES_INVALID", `the certificates in ${printable(path)} cannot be used: ${why}`, {
    kind: "environment",
    hint: "See docs.docker.com/engine/security/certificates for what belongs there.",
  });
}
