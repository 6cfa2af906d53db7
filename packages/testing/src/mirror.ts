import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";

/** What goes wrong with one request. */
export type Fault =
  /** Another status than 200, with a body such as a login page. */
  | { readonly status: number; readonly body?: string; readonly headers?: Readonly<Record<string, string>> }
  | { readonly redirect: string; readonly status?: 301 | 302 | 303 | 307 | 308 }
  /** The connection is closed before any answer. */
  | { readonly reset: true }
  /** Nothing more comes after so many bytes of the body, or no answer at all. */
  | { readonly hang: "before-headers" | number }
  /** The body ends after so many bytes: with a Content-Length that tells it was cut, or without, which looks like a good end. */
  | { readonly cutAfter: number; readonly withLength: boolean }
  /** A Content-Length that is not the length of the body. */
  | { readonly declaredLength: number }
  /** The body comes in pieces, with a pause after each. */
  | { readonly slow: { readonly pieces: number; readonly pauseMs: number } }
  /** The body is followed by zeros without end, and has no length. */
  | { readonly endless: true }
  /** The body is compressed once more, as servers do that take `.gz` for an encoding. */
  | { readonly contentEncoding: "gzip" }
  /** Range requests get the whole file. */
  | { readonly ignoreRange: true }
  /** Other bytes under the same name, with another validator: the file changed on the server. */
  | { readonly replacedBy: string | Uint8Array };

export interface MirrorRequest {
  readonly method: string;
  /** Without the leading `/`, with the query. */
  readonly path: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** `performance.now()`. */
  readonly at: number;
}

export interface MirrorOptions {
  /** By path: the fault of the first request, of the second, and so on; `undefined` and all that follow are answered well. */
  readonly faults?: Readonly<Record<string, readonly (Fault | undefined)[]>>;
  /** Whether answers carry an ETag; many mirrors send none. @default true */
  readonly validators?: boolean;
}

/** Answers instead of files, for what the faults do not cover. */
export type MirrorHandler = (request: IncomingMessage, response: ServerResponse) => void;

export interface Mirror extends AsyncDisposable {
  /** `http://127.0.0.1:PORT/` */
  readonly url: string;
  /** All requests so far. */
  readonly requests: readonly MirrorRequest[];
  close(): Promise<void>;
}

/** An HTTP server on the loopback interface that serves files from memory, and fails as it is told. */
export async function startMirror(
  content: Readonly<Record<string, string | Uint8Array>> | MirrorHandler,
  options: MirrorOptions = {},
): Promise<Mirror> {
  const requests: MirrorRequest[] = [];
  const closing = new AbortController();
  const server = createServer((request, response) => {
    const path = (request.url ?? "/").replace(/^\//, "");
    const earlier = requests.filter((each) => each.path === path).length;
    requests.push({ method: request.method ?? "", path, headers: request.headers, at: performance.now() });
    response.on("error", () => {});
    if (typeof content === "function") {
      content(request, response);
      return;
    }
    const file = Object.hasOwn(content, path) ? content[path] : undefined;
    const fault = options.faults?.[path]?.[earlier];
    serve({ request, response, file, fault, validators: options.validators ?? true, closing: closing.signal }).catch(
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = async () => {
    closing.abort();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    requests,
    close,
    [Symbol.asyncDispose]: close,
  };
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly file: string | Uint8Array | undefined;
  readonly fault: Fault | undefined;
  readonly validators: boolean;
  readonly closing: AbortSignal;
}

async function serve({ request, response, file, fault = {} as Fault, validators, closing }: Exchange): Promise<void> {
  if ("reset" in fault) {
    response.destroy();
    return;
  }
  if ("redirect" in fault) {
    response.writeHead(fault.status ?? 302, { location: fault.redirect }).end();
    return;
  }
  if ("status" in fault) {
    response.writeHead(fault.status, { "content-type": "text/html", ...fault.headers }).end(fault.body ?? "");
    return;
  }
  if ("hang" in fault && fault.hang === "before-headers") return;
  const given = "replacedBy" in fault ? fault.replacedBy : file;
  if (given === undefined) {
    response.writeHead(404, { "content-type": "text/plain" }).end("there is no such file\n");
    return;
  }

  let body = Buffer.from(given as Uint8Array);
  const etag = `"${createHash("sha256").update(body).digest("hex").slice(0, 16)}"`;
  const headers: Record<string, string> = { "accept-ranges": "bytes", ...(validators ? { etag } : {}) };
  const start = "ignoreRange" in fault ? undefined : rangeStart(request, { size: body.length, etag });
  if (start !== undefined && start >= body.length) {
    response.writeHead(416, { "content-range": `bytes */${body.length}` }).end();
    return;
  }
  if (start !== undefined) {
    headers["content-range"] = `bytes ${start}-${body.length - 1}/${body.length}`;
    body = body.subarray(start);
  }
  if ("contentEncoding" in fault) {
    headers["content-encoding"] = fault.contentEncoding;
    body = gzipSync(body);
  }
  const lengthless = "endless" in fault || ("cutAfter" in fault && !fault.withLength);
  if (lengthless) headers["connection"] = "close";
  else headers["content-length"] = String("declaredLength" in fault ? fault.declaredLength : body.length);
  // Without a length and with HTTP/1.0 manners, only the end of the connection ends the body.
  if (lengthless) response.useChunkedEncodingByDefault = false;
  // A length that is wrong on purpose must not be noticed here.
  response.strictContentLength = false;
  response.writeHead(start === undefined ? 200 : 206, headers);
  if (request.method === "HEAD") {
    response.end();
    return;
  }
  await sendBody(response, body, { fault, closing });
}

async function sendBody(
  response: ServerResponse,
  body: Buffer,
  { fault, closing }: { readonly fault: Fault; readonly closing: AbortSignal },
): Promise<void> {
  if ("cutAfter" in fault) {
    response.write(body.subarray(0, fault.cutAfter), () => response.socket?.end());
  } else if ("hang" in fault) {
    response.write(body.subarray(0, Number(fault.hang)));
  } else if ("slow" in fault) {
    const size = Math.ceil(body.length / fault.slow.pieces);
    for (let at = 0; at < body.length; at += size) {
      response.write(body.subarray(at, at + size));
      await sleep(fault.slow.pauseMs, undefined, { signal: closing });
    }
    response.end();
  } else if ("endless" in fault) {
    response.write(body);
    while (!response.destroyed && !closing.aborted) {
      if (!response.write(Buffer.alloc(65536))) await drained(response);
    }
  } else if ("declaredLength" in fault) {
    // Through the socket: ServerResponse would refuse or complete it.
    response.flushHeaders();
    response.socket?.end(body);
  } else {
    response.end(body);
  }
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off("drain", done).off("close", done);
      resolve();
    };
    response.on("drain", done).on("close", done);
    if (response.destroyed) done();
  });
}

/** Of `Range: bytes=N-`, when `If-Range` (RFC 9110 §13.1.5) still holds. */
function rangeStart(
  request: IncomingMessage,
  file: { readonly size: number; readonly etag: string },
): number | undefined {
  const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? "");
  const condition = request.headers["if-range"];
  if (range === null || (condition !== undefined && condition !== file.etag)) return undefined;
  return Number(range[1]);
}
