import {
  asText,
  BaseKitError,
  type Context,
  type FetchResponse,
  member,
  parseJson,
  printable,
  redactUrl,
} from "@base-kit/core";
import { type Refusal, readAtMost, refused } from "./answer.ts";
import type { Challenge } from "./challenge.ts";
import type { Credentials } from "./credentials.ts";
import { isLoopback, type RegistryHost } from "./host.ts";
import { formatScope, type Scope } from "./scope.ts";

export interface Token {
  readonly value: string;
  /** Milliseconds of the monotonic clock. */
  readonly until: number;
}

export interface TokenRequest {
  readonly challenge: Challenge;
  readonly scopes: readonly Scope[];
  readonly credentials: Credentials | undefined;
  readonly host: RegistryHost;
  readonly context: Context;
}

/** What docker assumes when a token server does not say. Seconds. */
const LIFETIME = 60;
/** Not used in its last seconds: it has to be good when the request arrives. Milliseconds. */
const MARGIN_MS = 10_000;
const TOKEN_AT_MOST = 64 * 1024;

/**
 * A token from the server that the registry named: distribution's "Token Authentication Specification", and its OAuth2 form for identity tokens.
 *
 * @throws BaseKitError `REGISTRY_REALM_REFUSED`, `REGISTRY_DENIED`, `REGISTRY_ANSWER_INVALID`, `REGISTRY_STATUS` (network), `Temporary`
 */
export async function fetchToken(request: TokenRequest): Promise<Token> {
  const { context, host, credentials } = request;
  const realm = acceptedRealm(request);
  const started = context.clock.monotonicMs();
  const response = await (credentials?.type === "identity"
    ? exchange(realm, request, credentials.token)
    : ask(realm, request));
  const doing: Refusal = { doing: `asking ${realm.host} for a token for ${printable(host.name)}`, context };
  if (response.status !== 200) throw await refused(response, doing);
  const bytes = await readAtMost(response, TOKEN_AT_MOST + 4096, doing);
  const invalid = () =>
    new BaseKitError("REGISTRY_ANSWER_INVALID", `${doing.doing} failed: the answer is not a token`, {
      kind: "network",
    });
  try {
    const answer = parseJson(bytes, "the answer");
    const value = asText(
      member(answer, "token") ?? member(answer, "access_token") ?? { value: undefined, what: "token" },
    );
    if (!/^[\x21-\x7e]+$/.test(value) || value.length > TOKEN_AT_MOST) throw invalid();
    const lifetime = member(answer, "expires_in")?.value;
    const seconds = typeof lifetime === "number" && lifetime > LIFETIME ? Math.min(lifetime, 24 * 3600) : LIFETIME;
    return { value, until: started + seconds * 1000 - MARGIN_MS };
  } catch {
    // The cause would show the answer, which may hold a token.
    throw invalid();
  }
}

/** A registry may name any server; a login goes only where nobody can listen, and nothing is asked of this machine's own services. */
function acceptedRealm({ challenge, host, credentials }: TokenRequest): URL {
  const text = challenge.parameters.get("realm") ?? "";
  const refuse = (why: string): never => {
    throw new BaseKitError(
      "REGISTRY_REALM_REFUSED",
      `${printable(host.name)} sends us to ${redactUrl(text)} for a token, which is refused: ${why}`,
      { kind: "network", hint: "The registry is not set up well, or somebody is in between." },
    );
  };
  if (!URL.canParse(text)) return refuse("it is not a URL");
  const realm = new URL(text);
  const here = isLoopback(new URL(host.origin).hostname);
  if (realm.protocol !== "https:" && realm.protocol !== "http:") return refuse("it is neither http nor https");
  if (realm.username !== "" || realm.password !== "") return refuse("it has a user in it");
  if (isLoopback(realm.hostname) && !here) return refuse("that is this machine");
  if (realm.protocol === "http:") {
    if (host.origin.startsWith("https:") && !here) return refuse("it is plain http");
    if (credentials !== undefined && !isLoopback(realm.hostname)) return refuse("a login is not sent over plain http");
  }
  return realm;
}

function ask(realm: URL, { challenge, scopes, credentials, host, context }: TokenRequest): Promise<FetchResponse> {
  const url = new URL(realm);
  const service = challenge.parameters.get("service");
  if (service !== undefined) url.searchParams.set("service", service);
  for (const scope of scopes) url.searchParams.append("scope", formatScope(scope));
  const headers: Record<string, string> = {};
  if (credentials?.type === "password") {
    url.searchParams.set("account", credentials.username);
    headers["authorization"] = basic(credentials.username, credentials.password);
  }
  return context.fetch(url.href, { headers, signal: context.signal, ...tlsFor(realm, host) });
}

function exchange(
  realm: URL,
  { challenge, scopes, host, context }: TokenRequest,
  refreshToken: string,
): Promise<FetchResponse> {
  const form = new URLSearchParams({
    grant_type: "refresh_token",
    service: challenge.parameters.get("service") ?? "",
    client_id: "base-kit",
    scope: scopes.map(formatScope).join(" "),
    refresh_token: refreshToken,
  });
  const bytes = Buffer.from(form.toString());
  return context.fetch(realm.href, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: {
      size: bytes.length,
      open: async function* () {
        yield bytes;
      },
    },
    signal: context.signal,
    ...tlsFor(realm, host),
  });
}

/** A company's token server mostly has the same authority as its registry; what was given for one host is used for it alone. */
function tlsFor(realm: URL, { origin, tls }: RegistryHost) {
  return tls !== undefined && realm.hostname === new URL(origin).hostname ? { tls } : {};
}

export function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}
