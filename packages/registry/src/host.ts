import { isIP } from "node:net";
import { BaseKitError, type Context, type FetchTls, isBaseKitError, printable, systemErrorCode } from "@base-kit/core";
import { readCertificates } from "./certificates.ts";

/** A registry that can be spoken to. */
export interface RegistryHost {
  /** As in references: `docker.io`, `127.0.0.1:5000`. */
  readonly name: string;
  /** `https://registry-1.docker.io`. */
  readonly origin: string;
  /** Whether a login may be sent: over TLS, or without leaving this machine. */
  readonly mayLogIn: boolean;
  readonly tls?: FetchTls;
}

/**
 * Where a registry is and how it is spoken to. TLS always; only on this machine, and where the context says so, plain HTTP when
 * what listens there does not know TLS.
 *
 * @throws BaseKitError `CERTIFICATES_INVALID` (environment), or what the connection throws
 */
export async function findHost(name: string, context: Context): Promise<RegistryHost> {
  const tls = await readCertificates(name, context.env);
  const own = tls === undefined ? {} : { tls };
  const secure: RegistryHost = { name, origin: originOf("https", name), mayLogIn: true, ...own };
  const local = isLoopback(new URL(secure.origin).hostname);
  if (!local && context.insecureRegistries?.includes(name) !== true) return secure;
  if (await speaksTls(secure, context)) return secure;
  if (!local) {
    const message = `${printable(name)} is spoken to without TLS: anybody on the way can read and change what is sent`;
    context.reporter.emit({ type: "warned", code: "REGISTRY_INSECURE", message });
  }
  return { name, origin: originOf("http", name), mayLogIn: local };
}

/** Docker Hub's registry has another name than its images. */
function originOf(scheme: "http" | "https", name: string): string {
  const host = name === "docker.io" || name === "index.docker.io" ? "registry-1.docker.io" : name;
  const url = URL.canParse(`${scheme}://${host}`) ? new URL(`${scheme}://${host}`) : undefined;
  if (url !== undefined && url.pathname === "/" && url.username === "") return url.origin;
  throw new BaseKitError("REFERENCE_INVALID", `${printable(name)} is not a registry`, { kind: "usage" });
}

/** 127.0.0.0/8, ::1 and localhost: what never leaves this machine. */
export function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, "");
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

async function speaksTls({ origin, tls }: RegistryHost, { fetch, signal }: Context): Promise<boolean> {
  try {
    const answer = await fetch(`${origin}/v2/`, { signal, ...(tls === undefined ? {} : { tls }) });
    await answer.body[Symbol.asyncIterator]().return?.();
    return true;
  } catch (error) {
    signal.throwIfAborted();
    if (!isBaseKitError(error)) throw error;
    // A certificate that is not trusted is no reason to do without one.
    const code = systemErrorCode(error.cause) ?? "";
    if (error.code === "FETCH_TLS_FAILED" && !/EPROTO|WRONG_VERSION|PACKET_LENGTH|HTTP_REQUEST/.test(code)) throw error;
    return false;
  }
}
