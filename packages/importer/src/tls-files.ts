import { readFileSync } from "node:fs";
import { join } from "node:path";
import { BaseKitError, printable, systemErrorCode, systemErrorReason } from "@base-kit/core";

/** How to prove to an engine who we are, and who it has to be. */
export interface TlsSettings {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  /** False only where a Docker context says so: then anybody may answer. */
  readonly verify: boolean;
  /** The folder the files came from, for the docker program. */
  readonly folder?: string;
}

/**
 * `ca.pem`, `cert.pem` and `key.pem`, all of them, as DOCKER_CERT_PATH promises.
 *
 * @throws BaseKitError `ENGINE_TLS_FILES` (environment) naming the file that is missing
 */
export function readCertPath(folder: string, source: string): TlsSettings {
  const read = (name: string) => readPem(join(folder, name), source) ?? missing(join(folder, name), source);
  return { ca: read("ca.pem"), cert: read("cert.pem"), key: read("key.pem"), verify: true, folder };
}

/** The files of a Docker context, of which each may be absent: a certificate may be checked against the system's authorities. */
export function readContextTls(folder: string, source: string, verify: boolean): TlsSettings {
  const ca = readPem(join(folder, "ca.pem"), source);
  const cert = readPem(join(folder, "cert.pem"), source);
  const key = readPem(join(folder, "key.pem"), source);
  if (cert !== undefined && key === undefined) missing(join(folder, "key.pem"), source);
  if (cert === undefined && key !== undefined) missing(join(folder, "cert.pem"), source);
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }), verify, folder };
}

function readPem(file: string, source: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return undefined;
    throw new BaseKitError(
      "ENGINE_TLS_FILES",
      `cannot read ${printable(file)} (${source}): ${systemErrorReason(error)}`,
      {
        kind: "environment",
        cause: error,
      },
    );
  }
}

function missing(file: string, source: string): never {
  throw new BaseKitError("ENGINE_TLS_FILES", `the TLS file ${printable(file)} does not exist (${source})`, {
    kind: "environment",
    hint: "A folder of Docker certificates holds ca.pem, cert.pem and key.pem.",
  });
}
