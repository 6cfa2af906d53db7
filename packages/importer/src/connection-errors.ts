import { systemErrorCode } from "@base-kit/core";

/** Why an engine could not be reached, in a few words, and what to do. */
export interface ConnectionFailure {
  readonly why: string;
  readonly hint?: string;
}

export const PERMISSION_HINT =
  "Join the group that owns the socket (`sudo usermod -aG docker $USER`, then log in again), or use rootless Docker or podman.";

const CERTIFICATES = "Check ca.pem, cert.pem and key.pem in DOCKER_CERT_PATH, or in the Docker context.";

const FAILURES: Readonly<Record<string, ConnectionFailure>> = {
  ENOENT: { why: "no such file" },
  ENOTDIR: { why: "no such file" },
  EACCES: permissionDenied(),
  EPERM: permissionDenied(),
  ECONNREFUSED: { why: "connection refused: nothing listens there", hint: "Start the engine." },
  ECONNRESET: { why: "the connection was closed before an answer came" },
  EPIPE: { why: "the connection was closed before an answer came" },
  ETIMEDOUT: { why: "no answer in time" },
  EHOSTUNREACH: { why: "no route to the host" },
  ENETUNREACH: { why: "the network cannot be reached" },
  ENOTFOUND: { why: "the host name is not known" },
  EAI_AGAIN: { why: "the host name could not be looked up" },
  EPROTO: { why: "TLS failed: what listens there may speak plain HTTP", hint: CERTIFICATES },
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted("its certificate is signed by itself"),
  SELF_SIGNED_CERT_IN_CHAIN: untrusted("its certificate's authority is not trusted"),
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted("its certificate's authority is not trusted"),
  UNABLE_TO_GET_ISSUER_CERT: untrusted("its certificate's authority is not trusted"),
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted("its certificate's authority is not trusted"),
  CERT_HAS_EXPIRED: untrusted("its certificate has expired"),
  CERT_NOT_YET_VALID: untrusted("its certificate is not valid yet"),
  CERT_SIGNATURE_FAILURE: untrusted("its certificate is not signed by that authority"),
  ERR_TLS_CERT_ALTNAME_INVALID: untrusted("its certificate is for another host"),
};

export function connectionFailure(error: unknown): ConnectionFailure {
  const code = systemErrorCode(error) ?? "";
  const known = FAILURES[code];
  if (known !== undefined) return known;
  if (code.startsWith("HPE_")) return { why: "what listens there does not speak HTTP" };
  if (code.startsWith("ERR_SSL_") || code.startsWith("ERR_OSSL_")) {
    return {
      why: `TLS failed: ${code
        .replace(/^ERR_O?SSL_/, "")
        .toLowerCase()
        .replaceAll("_", " ")}`,
      hint: CERTIFICATES,
    };
  }
  return { why: error instanceof Error ? error.message : String(error) };
}

function permissionDenied(): ConnectionFailure {
  return { why: "permission denied", hint: PERMISSION_HINT };
}

function untrusted(what: string): ConnectionFailure {
  return { why: `TLS failed: ${what}`, hint: CERTIFICATES };
}
