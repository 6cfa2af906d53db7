import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What goes wrong with one request. */
export type Fault =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  /** There is never an answer. */
  | { readonly hang: true }
  /** The registry sees nothing of it before this has come to pass. */
  | { readonly heldUntil: Promise<void> }
  /** The connection is closed without an answer. */
  | { readonly reset: true }
  /** The registry gets so many bytes of the request, then both connections break. */
  | { readonly cutUploadAfter: number }
  /** The client gets so many bytes of the answer, then both connections break. */
  | { readonly cutAnswerAfter: number }
  /** The registry gets everything; its answer is lost. */
  | { readonly loseAnswer: true }
  /** Headers of the registry's answer are others; undefined takes one away. */
  | { readonly headers: Readonly<Record<string, string | undefined>> }
  /** Another body under the same headers. */
  | { readonly bytes: (body: Buffer) => Buffer }
  | { readonly endless: true }
  /** The range that was asked for is not seen. */
  | { readonly ignoreRange: true };

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
}

export interface FaultyProxy {
  readonly host: string;
  readonly seen: readonly Seen[];
  /** How many uploads to the repository were on their way at once, at most. */
  uploadsAtOnce(): number;
  /** Faults of the next requests that fit; each is used once. */
  next(pattern: RegExp, ...faults: readonly Fault[]): void;
  /** Forgets the faults that nobody met. The next ones are for this repository: a request that was given up may still be on its way. */
  heal(repository: string): void;
  close(): void;
}

/** Stands before a real registry and breaks what it is told to; everything else goes through. */
export async function startFaultyProxy(target: string): Promise<FaultyProxy> {
  const rules: { pattern: RegExp; fault: Fault }[] = [];
  const seen: Seen[] = [];
  let repository = "";
  let uploads = 0;
  let most = 0;
  const server = createServer((incoming, outgoing) => {
    const { method = "", url = "", headers } = incoming;
    seen.push({ method, url, headers });
    if (method === "PUT" && url.includes(`${repository}blobs/uploads/`)) {
      uploads += 1;
      most = Math.max(most, uploads);
      outgoing.once("close", () => {
        uploads -= 1;
      });
    }
    const at = rules.findIndex(({ pattern }) => url.includes(repository) && pattern.test(`${method} ${url}`));
    const [rule] = at < 0 ? [] : rules.splice(at, 1);
    if (rule !== undefined && "heldUntil" in rule.fault) {
      void rule.fault.heldUntil.then(() => serve(target, incoming, { outgoing, fault: undefined }));
    } else {
      serve(target, incoming, { outgoing, fault: rule?.fault });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    uploadsAtOnce: () => most,
    next: (pattern, ...faults) => rules.push(...faults.map((fault) => ({ pattern, fault }))),
    heal: (next) => {
      rules.length = 0;
      repository = next;
      most = 0;
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

interface Exchange {
  readonly outgoing: ServerResponse;
  readonly fault: Fault | undefined;
}

function serve(target: string, incoming: IncomingMessage, { outgoing, fault }: Exchange): void {
  if (fault !== undefined && "reset" in fault) {
    incoming.socket.destroy();
    return;
  }
  if (fault !== undefined && "hang" in fault) {
    incoming.resume();
    return;
  }
  if (fault !== undefined && "status" in fault) {
    incoming.resume();
    outgoing.writeHead(fault.status, fault.headers).end(fault.body ?? "");
    return;
  }
  if (fault !== undefined && "endless" in fault) {
    outgoing.writeHead(200, { "content-type": "application/vnd.oci.image.manifest.v1+json" });
    const more = () => {
      while (outgoing.write(Buffer.alloc(65536, 32))) {}
    };
    outgoing.on("drain", more);
    more();
    return;
  }
  const [hostname, port] = target.split(":");
  const headers = { ...incoming.headers };
  if (fault !== undefined && "ignoreRange" in fault) delete headers["range"];
  const forward = request({ hostname, port, method: incoming.method, path: incoming.url, headers, agent: false });
  const breakAll = () => {
    forward.destroy();
    incoming.socket.destroy();
  };
  forward.on("error", breakAll);
  forward.on("response", (answer) => relay(answer, { outgoing, fault, breakAll }));
  if (fault !== undefined && "cutUploadAfter" in fault)
    cut(incoming, fault.cutUploadAfter, { into: forward, breakAll });
  else incoming.pipe(forward);
}

function relay(
  answer: IncomingMessage,
  { outgoing, fault, breakAll }: Exchange & { readonly breakAll: () => void },
): void {
  const { statusCode = 502, headers } = answer;
  if (fault !== undefined && "loseAnswer" in fault) {
    answer.resume().on("end", breakAll);
  } else if (fault !== undefined && "cutAnswerAfter" in fault) {
    outgoing.writeHead(statusCode, headers);
    cut(answer, fault.cutAnswerAfter, { into: outgoing, breakAll });
  } else if (fault !== undefined && "bytes" in fault) {
    const parts: Buffer[] = [];
    answer.on("data", (part: Buffer) => parts.push(part));
    answer.on("end", () => {
      const body = fault.bytes(Buffer.concat(parts));
      outgoing.writeHead(statusCode, { ...headers, "content-length": String(body.length) }).end(body);
    });
  } else {
    const changed = fault !== undefined && "headers" in fault ? { ...headers, ...fault.headers } : headers;
    const kept = Object.entries(changed).filter((entry) => entry[1] !== undefined);
    outgoing.writeHead(statusCode, Object.fromEntries(kept));
    answer.pipe(outgoing);
  }
}

interface Cut {
  readonly into: NodeJS.WritableStream;
  readonly breakAll: () => void;
}

function cut(from: IncomingMessage, bytes: number, { into, breakAll }: Cut): void {
  let left = bytes;
  from.on("data", (chunk: Buffer) => {
    if (left <= 0) return;
    into.write(chunk.subarray(0, left));
    left -= chunk.length;
    // What was written has to arrive.
    if (left <= 0) setTimeout(breakAll, 20);
  });
}
