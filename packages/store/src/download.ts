import { BaseKitError, type Context, type FetchResponse, printable, redactUrl } from "@base-kit/core";
import { wrongSize } from "./inspect.ts";
import { isTemporary, parseRetryAfter, Temporary, type Tries } from "./retry.ts";

/** Less than this in a minute is a server that keeps the connection open without serving. */
const SLOWEST_PER_MINUTE = 60 * 1024;
const MINUTE_MS = 60_000;

export interface Download {
  readonly url: string;
  /** Bytes, when the length is known. */
  readonly size?: number;
}

/** What came so far is worth nothing: everything has to be fetched again. */
export class StartOver extends Error {}

/**
 * The bytes at an http or https URL. A broken download goes on where it stopped when the server can prove that the file is
 * still the same (If-Range with an ETag or date), never otherwise.
 *
 * @throws StartOver when the bytes given so far cannot be continued
 * @throws BaseKitError `FETCH_FAILED`, `FETCH_NOT_FOUND`, `FETCH_REFUSED`, `FETCH_STATUS`, `FETCH_WEB_PAGE` (network),
 *   `FETCH_WRONG_SIZE` (verification), and what `context.fetch` throws
 */
export async function* download(
  what: Download,
  { context, tries }: { readonly context: Context; readonly tries: Tries },
): AsyncGenerator<Uint8Array, void, undefined> {
  let received = 0;
  let validator: string | undefined;
  for (;;) {
    try {
      const response = await request(what, { context, received, validator });
      validator = validatorOf(response);
      for await (const chunk of paced(what, response.body, context)) {
        if (received === 0) assertNoWebPage(what, chunk);
        received += chunk.length;
        yield chunk;
      }
      if (what.size !== undefined && received < what.size) throw cut(what, received);
      return;
    } catch (error) {
      const failure = error instanceof Temporary ? error : isTemporary(error) ? new Temporary(error) : undefined;
      if (failure === undefined) throw error;
      await tries.next(failure);
      if (received > 0 && validator === undefined) throw new StartOver();
    }
  }
}

interface Progress {
  readonly context: Context;
  readonly received: number;
  readonly validator: string | undefined;
}

/** An answer whose body goes on after the bytes received so far. */
async function request(what: Download, { context, received, validator }: Progress): Promise<FetchResponse> {
  const headers: Record<string, string> =
    received > 0 && validator !== undefined ? { range: `bytes=${received}-`, "if-range": validator } : {};
  const response = await context.fetch(what.url, { headers, signal: context.signal });
  const problem =
    received === 0 && response.status === 200
      ? wrongAnnouncement(what, response, received)
      : received > 0 && response.status === 206
        ? (wrongPart(response, received) ?? wrongAnnouncement(what, response, received))
        : received > 0 && [200, 416].includes(response.status)
          ? // The file has changed meanwhile, or the server knows no ranges.
            new StartOver()
          : refusal(what, response, context);
  if (problem === undefined) return response;
  // Closes the connection: an error page may be endless.
  await response.body[Symbol.asyncIterator]().return?.();
  throw problem;
}

/** A strong ETag or else the date, as If-Range wants it (RFC 9110 §13.1.5). */
function validatorOf({ headers }: FetchResponse): string | undefined {
  const etag = headers["etag"];
  return etag !== undefined && !etag.startsWith("W/") ? etag : headers["last-modified"];
}

function wrongPart({ headers }: FetchResponse, received: number): StartOver | undefined {
  const start = /^bytes (\d+)-/.exec(headers["content-range"] ?? "")?.[1];
  return start !== undefined && Number(start) === received ? undefined : new StartOver();
}

function wrongAnnouncement(what: Download, { headers }: FetchResponse, received: number): BaseKitError | undefined {
  const total = received + Number(headers["content-length"] ?? Number.NaN);
  // A length that was encoded on the way says nothing about the file.
  if (what.size === undefined || Number.isNaN(total) || headers["content-encoding"] !== undefined) return undefined;
  return total === what.size ? undefined : wrongSize(what, `the server announces ${total}`);
}

function refusal(what: Download, { status, headers }: FetchResponse, context: Context): BaseKitError | Temporary {
  const where = redactUrl(what.url);
  const answer = `${where}: the server answers ${status}`;
  if ([408, 425, 429].includes(status) || status >= 500) {
    const after = parseRetryAfter(headers["retry-after"], context.clock.now());
    return new Temporary(new BaseKitError("FETCH_STATUS", answer, { kind: "network" }), after);
  }
  if (status === 404 || status === 410) {
    const hint = "Check the name, or use another mirror.";
    return new BaseKitError("FETCH_NOT_FOUND", `${where} does not exist (status ${status})`, { kind: "network", hint });
  }
  if ([401, 403, 407, 451].includes(status)) {
    const hint = `Check user and password in the URL of the ${status === 407 ? "proxy" : "mirror"}.`;
    return new BaseKitError("FETCH_REFUSED", `${where}: access is refused (status ${status})`, {
      kind: "network",
      hint,
    });
  }
  return new BaseKitError("FETCH_STATUS", answer, { kind: "network" });
}

/** Hotels, airports and company proxies answer everything with a page to log in, and status 200. */
function assertNoWebPage(what: Download, first: Uint8Array): void {
  const head = Buffer.from(first.subarray(0, 200)).toString("latin1");
  if (!/^\s*(?:<!doctype html|<html)/i.test(head)) return;
  const shown = printable(head.slice(0, 60).trim());
  throw new BaseKitError("FETCH_WEB_PAGE", `${redactUrl(what.url)} is a web page instead of the file: ${shown}`, {
    kind: "network",
    hint: "Does the network want a login in a browser, or does a proxy stand in between?",
  });
}

/** An answer without Content-Length that was cut looks like a whole one; only the expected size tells. */
function cut(what: Download, received: number): Temporary {
  const text = `the answer for ${redactUrl(what.url)} broke off after ${received} of ${what.size} bytes`;
  return new Temporary(new BaseKitError("FETCH_FAILED", text, { kind: "network" }));
}

/** Ends a body that trickles: each byte alone would keep the connection from timing out. */
async function* paced(
  what: Download,
  body: AsyncIterable<Uint8Array>,
  { clock }: Context,
): AsyncGenerator<Uint8Array, void, undefined> {
  let since = clock.monotonicMs();
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    yield chunk;
    const elapsed = clock.monotonicMs() - since;
    if (elapsed < MINUTE_MS) continue;
    if (bytes < SLOWEST_PER_MINUTE) {
      const text = `${redactUrl(what.url)}: only ${bytes} bytes came in ${Math.round(elapsed / 1000)} s`;
      throw new Temporary(new BaseKitError("FETCH_FAILED", text, { kind: "network" }));
    }
    since += elapsed;
    bytes = 0;
  }
}
