import { BaseKitError, redactUrl, systemErrorCode } from "@base-kit/core";

/** What people know these system errors as. */
const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "the connection was closed by the other side",
  EAI_AGAIN: "its name cannot be looked up now",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "the network is unreachable",
  ENOTFOUND: "its name is not known",
  EPIPE: "the connection was closed by the other side",
  ETIMEDOUT: "no answer to the attempt to connect",
  UND_ERR_BODY_TIMEOUT: "nothing more came for 30 s",
  UND_ERR_CONNECT_TIMEOUT: "no answer to the attempt to connect within 10 s",
  UND_ERR_HEADERS_TIMEOUT: "no answer to the request within 30 s",
  UND_ERR_REQ_CONTENT_LENGTH_MISMATCH: "the length of the answer does not match its Content-Length",
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: "the length of the answer does not match its Content-Length",
  UND_ERR_SOCKET: "the connection was closed by the other side",
};

/** Error codes of TLS that no second try will change, by the names of OpenSSL and Node. */
const CERTIFICATE =
  /^(?:CERT_|ERR_TLS_CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_SSL_|EPROTO$|HOSTNAME_MISMATCH|INVALID_CA)/;

/** A request that brought no answer. */
export function requestFailure(url: URL, cause: unknown): Error {
  if (cause instanceof BaseKitError) return cause;
  const { code, text } = explain(cause);
  if (CERTIFICATE.test(code)) {
    return new BaseKitError("FETCH_TLS_FAILED", `no secure connection to ${url.host} for ${redactUrl(url)}: ${text}`, {
      kind: "network",
      hint: "If a company's certificate authority is in between, name its certificate in NODE_EXTRA_CA_CERTS.",
      cause,
    });
  }
  // A mistyped name stays unknown: waiting and trying again would only hide that.
  const errorCode = code === "ENOTFOUND" ? "FETCH_HOST_UNKNOWN" : "FETCH_FAILED";
  return new BaseKitError(errorCode, `cannot fetch ${redactUrl(url)} from ${url.host}: ${text}`, {
    kind: "network",
    hint: "Check the network and the proxy settings (http_proxy, https_proxy, no_proxy), or use another mirror.",
    cause,
  });
}

/** An answer that broke off. */
export function bodyFailure(url: URL, cause: unknown): Error {
  return new BaseKitError("FETCH_FAILED", `the answer for ${redactUrl(url)} broke off: ${explain(cause).text}`, {
    kind: "network",
    cause,
  });
}

function explain(cause: unknown): { readonly code: string; readonly text: string } {
  // One error per address that was tried; the first says enough.
  const error = cause instanceof AggregateError ? (cause.errors[0] ?? cause) : cause;
  const code = systemErrorCode(error) ?? systemErrorCode((error as Error | undefined)?.cause) ?? "";
  const message = error instanceof Error ? error.message : String(error);
  return { code, text: WORDS[code] ?? (code === "" || message.includes(code) ? message : `${message} (${code})`) };
}
