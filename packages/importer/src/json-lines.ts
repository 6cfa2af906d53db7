import { LINE_AT_MOST } from "./limits.ts";

/** A message of an engine's answer: Docker's `jsonmessage`, of which podman writes a part. */
export interface EngineMessage {
  readonly stream?: string;
  readonly status?: string;
  readonly id?: string;
  readonly progress?: { readonly current: number; readonly total: number };
  /** Set when the engine failed, also after it has answered HTTP 200. */
  readonly error?: string;
}

/** What an engine wrote is not the sequence of JSON objects it should be. */
export class MalformedAnswer extends Error {
  override readonly name = "MalformedAnswer";
}

/**
 * The JSON objects of an answer, one a line, to its end.
 *
 * @throws MalformedAnswer
 */
export async function* engineMessages(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<EngineMessage, void, void> {
  for await (const line of lines(chunks)) yield parseMessage(line);
}

async function* lines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, void> {
  let parts: Buffer[] = [];
  let size = 0;
  const take = (): string => {
    const line = Buffer.concat(parts).toString("utf8").trim();
    parts = [];
    size = 0;
    return line;
  };
  for await (const chunk of chunks) {
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let at = 0; at < buffer.length; ) {
      const end = buffer.indexOf(0x0a, at);
      const part = buffer.subarray(at, end < 0 ? undefined : end);
      parts.push(part);
      size += part.length;
      if (size > LINE_AT_MOST) throw new MalformedAnswer(`wrote a line of more than ${LINE_AT_MOST} bytes`);
      at = end < 0 ? buffer.length : end + 1;
      const line = end < 0 ? "" : take();
      if (line !== "") yield line;
    }
  }
  const rest = take();
  if (rest !== "") yield rest;
}

function parseMessage(line: string): EngineMessage {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new MalformedAnswer("wrote something that is not JSON");
  }
  if (!isRecord(value)) throw new MalformedAnswer("wrote JSON that is not an object");
  const detail = isRecord(value["progressDetail"]) ? value["progressDetail"] : {};
  const { current, total } = detail;
  return {
    ...text("stream", value["stream"]),
    ...text("status", value["status"]),
    ...text("id", value["id"]),
    ...(typeof current === "number" && typeof total === "number" ? { progress: { current, total } } : {}),
    ...text("error", errorOf(value)),
  };
}

/** Docker: `error` and `errorDetail.message`; podman's HTTP errors: `message` and `cause`. */
function errorOf(value: Record<string, unknown>): string | undefined {
  const { error, errorDetail, cause, message } = value;
  if (isRecord(errorDetail) && typeof errorDetail["message"] === "string") return errorDetail["message"];
  if (error !== undefined && error !== null && error !== "")
    return typeof error === "string" ? error : JSON.stringify(error);
  if (errorDetail !== undefined && errorDetail !== null) return JSON.stringify(errorDetail);
  return typeof cause === "string" && typeof message === "string" ? message : undefined;
}

function text<Name extends string>(name: Name, value: unknown): Partial<Record<Name, string>> {
  return typeof value === "string" ? ({ [name]: value } as Partial<Record<Name, string>>) : {};
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
