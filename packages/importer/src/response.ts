import type { ClientRequest, IncomingMessage } from "node:http";
import { ANSWER_AT_MOST } from "./limits.ts";

/** The connection's failures; those of the source come through as they are. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
}

/** The head of the answer to a request that is being sent. */
export function responseTo(request: ClientRequest): Promise<IncomingMessage> {
  const response = new Promise<IncomingMessage>((resolve, reject) => {
    request.on("response", resolve);
    request.on("error", (cause) => reject(new ConnectionError(cause.message, { cause })));
    request.on("close", () =>
      reject(new ConnectionError("closed", { cause: Object.assign(new Error(), { code: "ECONNRESET" }) })),
    );
  });
  response.catch(() => {});
  return response;
}

/** The words of an answer that is an error, whatever length it has. */
export async function refusal(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > ANSWER_AT_MOST) break;
      chunks.push(chunk);
    }
  } catch {
    // The status is answer enough.
  }
  const text = Buffer.concat(chunks).toString("utf8");
  return `HTTP ${response.statusCode} ${messageIn(text) ?? messageIn(firstLine(text)) ?? text}`.trim();
}

/** Podman goes on with a layer that broke off, and tells that too. */
function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}

function messageIn(text: string): string | undefined {
  try {
    const { message } = JSON.parse(text);
    return typeof message === "string" ? message : undefined;
  } catch {
    return undefined;
  }
}
