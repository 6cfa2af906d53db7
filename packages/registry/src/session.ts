import { BaseKitError, type Context, type FetchBody, type FetchResponse, printable } from "@base-kit/core";
import { createTries, isTemporary, Temporary } from "@base-kit/store";
import { discard, LOG_IN, refused } from "./answer.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import { type Credentials, findCredentials } from "./credentials.ts";
import { findHost, type RegistryHost } from "./host.ts";
import { formatScope, type Scope } from "./scope.ts";
import { basic, fetchToken, type Token } from "./token.ts";

export interface RegistryOptions {
  /** Milliseconds before the second, third, … try. @default 1, 3 and 9 s */
  readonly delays?: readonly number[];
}

export interface RegistryRequest {
  /** @default GET */
  readonly method?: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** A path of this registry, or a whole URL that the registry has named. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: FetchBody;
  readonly scopes: readonly Scope[];
  /** For messages: `pushing example.com/a/b`. */
  readonly doing: string;
  /** Statuses that are answers; any other is an error. */
  readonly expect: readonly number[];
}

/** The conversation with one registry: who we are, what it has granted, how often a thing was tried. */
export interface Session {
  readonly host: RegistryHost;
  readonly context: Context;
  /**
   * One request, with a login when the registry wants one. Not tried again: a failure that may pass is thrown as `Temporary`.
   *
   * @throws Temporary, BaseKitError `REGISTRY_…`, `FETCH_…` (network)
   */
  send(request: RegistryRequest): Promise<FetchResponse>;
  /** Does `work` again while it fails with `Temporary`, as often as the options say. */
  retried<T>(work: () => Promise<T>): Promise<T>;
  /** The tries of something that goes on where it failed. */
  tries(): { next(failure: Temporary): Promise<void> };
  /** The same conversation, which ends when the signal is aborted. */
  until(signal: AbortSignal): Session;
}

export async function openSession(name: string, context: Context, options: RegistryOptions = {}): Promise<Session> {
  const host = await retried(() => findHost(name, context), context, options);
  const grants = createGrants(host, context);
  return sessionIn(context, { host, grants, options });
}

interface Shared {
  readonly host: RegistryHost;
  readonly grants: Grants;
  readonly options: RegistryOptions;
}

function sessionIn(context: Context, shared: Shared): Session {
  const { host, options } = shared;
  return {
    host,
    context,
    send: (request) => send(request, context, shared),
    retried: (work) => retried(work, context, options),
    tries: () => createTries(context, options.delays),
    until: (signal) => sessionIn({ ...context, signal }, shared),
  };
}

async function send(request: RegistryRequest, context: Context, { host, grants }: Shared): Promise<FetchResponse> {
  const { method = "GET", scopes, body, doing, expect } = request;
  const url = new URL(request.url, host.origin);
  // What the registry has named elsewhere gets the bytes and nothing that says who we are.
  const own = url.origin === host.origin;
  // A grant that was good once may have run out; a fresh one that is refused too is an answer.
  for (let refusals = 0; ; ) {
    const authorization = own ? await grants.header(scopes) : undefined;
    const response = await temporarily(() =>
      context.fetch(url.href, {
        method,
        headers: { ...request.headers, ...(authorization === undefined ? {} : { authorization }) },
        signal: context.signal,
        ...(body === undefined ? {} : { body }),
        ...(own && host.tls !== undefined ? { tls: host.tls } : {}),
      }),
    );
    if (expect.includes(response.status)) return response;
    if (authorization !== undefined) refusals += 1;
    if (response.status !== 401 || !own || refusals > 1) throw await refused(response, { doing, context });
    await discard(response);
    await grants.challenged(parseChallenges(response.headers["www-authenticate"] ?? ""), scopes, authorization);
  }
}

/** What `context.fetch` reports as passing is so here. */
async function temporarily<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw isTemporary(error) ? new Temporary(error) : error;
  }
}

async function retried<T>(work: () => Promise<T>, context: Context, { delays }: RegistryOptions): Promise<T> {
  const tries = createTries(context, delays);
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Temporary)) throw error;
      await tries.next(error);
    }
  }
}

interface Grants {
  /** The Authorization header for these scopes; undefined while none was asked for. */
  header(scopes: readonly Scope[]): Promise<string | undefined>;
  /** The registry wants to know who we are, or something else than what it was told. */
  challenged(challenges: readonly Challenge[], scopes: readonly Scope[], sent: string | undefined): Promise<void>;
}

function createGrants(host: RegistryHost, context: Context): Grants {
  let scheme: Challenge | undefined;
  let fixed: string | undefined;
  const tokens = new Map<string, Promise<Token>>();
  const logins = new Map<string, Promise<Credentials | undefined>>();

  const login = (repository: string): Promise<Credentials | undefined> => {
    const found = logins.get(repository) ?? findCredentials(host.name, repository, context);
    logins.set(repository, found);
    return found;
  };
  const token = async (challenge: Challenge, scopes: readonly Scope[]): Promise<string> => {
    const key = scopes.map(formatScope).join(" ");
    const kept = await tokens.get(key);
    if (kept !== undefined && kept.until > context.clock.monotonicMs()) return kept.value;
    const credentials = await login(scopes[0]?.repository ?? "");
    if (credentials?.type === "bearer") return credentials.token;
    if (credentials !== undefined && !host.mayLogIn) throw plainLogin(host);
    const asked = temporarily(() => fetchToken({ challenge, scopes, credentials, host, context }));
    tokens.set(key, asked);
    // The next request asks again.
    asked.catch(() => tokens.delete(key));
    return (await asked).value;
  };
  return {
    header: async (scopes) => {
      if (fixed !== undefined) return fixed;
      return scheme === undefined ? undefined : `Bearer ${await token(scheme, scopes)}`;
    },
    challenged: async (challenges, scopes, sent) => {
      const wanted = (name: string) => challenges.find((each) => each.scheme === name);
      const bearer = wanted("bearer");
      if (bearer !== undefined) {
        // A token that was good once may have run out, or have been for another server.
        if (sent !== undefined) tokens.delete(scopes.map(formatScope).join(" "));
        scheme = bearer;
        return;
      }
      if (wanted("basic") === undefined) throw unknownChallenge(host, challenges);
      const credentials = await login(scopes[0]?.repository ?? "");
      if (credentials === undefined || sent !== undefined) throw loginNeeded(host, sent !== undefined);
      if (!host.mayLogIn) throw plainLogin(host);
      fixed =
        credentials.type === "password"
          ? basic(credentials.username, credentials.password)
          : `Bearer ${credentials.token}`;
    },
  };
}

function loginNeeded({ name }: RegistryHost, refusedOne: boolean): BaseKitError {
  const what = refusedOne
    ? "does not take the login that was found for it"
    : "wants a login, and none was found for it";
  return new BaseKitError("REGISTRY_DENIED", `${printable(name)} ${what}`, { kind: "network", hint: LOG_IN });
}

function plainLogin({ name }: RegistryHost): BaseKitError {
  return new BaseKitError(
    "REGISTRY_LOGIN_PLAIN",
    `the login for ${printable(name)} is not sent: the registry has no TLS`,
    {
      kind: "network",
      hint: "Anybody on the way could read it. Give the registry a certificate.",
    },
  );
}

function unknownChallenge({ name }: RegistryHost, challenges: readonly Challenge[]): BaseKitError {
  const schemes = challenges.map(({ scheme }) => printable(scheme)).join(", ") || "none";
  return new BaseKitError(
    "REGISTRY_ANSWER_INVALID",
    `${printable(name)} wants a login, but in a way that is not known: ${schemes}`,
    { kind: "network", hint: "Basic and Bearer are known." },
  );
}
