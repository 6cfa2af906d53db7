import {
  asList,
  BaseKitError,
  type Context,
  type FetchResponse,
  isBaseKitError,
  member,
  parseJson,
  printable,
} from "@base-kit/core";
import { parseRetryAfter, Temporary } from "@base-kit/store";

/** A registry's "no", with its status. */
export class Refused extends BaseKitError {
  readonly status: number;

  constructor(status: number, code: string, message: string, hint?: string) {
    super(code, message, { kind: "network", ...(hint === undefined ? {} : { hint }) });
    this.status = status;
  }
}

/** What was asked, for messages. */
export interface Refusal {
  /** `pushing example.com/a/b`. */
  readonly doing: string;
  readonly context: Pick<Context, "clock">;
}

/** Bytes of an error's body that are looked at. */
const ERROR_AT_MOST = 1024 ** 2;
const ERRORS_SHOWN = 3;

/** An answer that is not the one wanted, as an error; as {@link Temporary} when asking again may help. */
export async function refused(response: FetchResponse, { doing, context }: Refusal): Promise<Refused | Temporary> {
  const { status, headers } = response;
  const said = await words(response);
  const error = (code: string, what: string, hint?: string) =>
    new Refused(status, code, `${doing} failed: ${what}${said === "" ? "" : `; it said: ${said}`}`, hint);
  if ([408, 425, 429].includes(status) || status >= 500) {
    const after = parseRetryAfter(headers["retry-after"], context.clock.now());
    return new Temporary(error("REGISTRY_STATUS", `the registry answers ${status}`), after);
  }
  if (status === 401 || status === 403) return error("REGISTRY_DENIED", `access is refused (status ${status})`, LOG_IN);
  if (status === 404) return error("REGISTRY_NOT_FOUND", "the registry does not have it (status 404)", CHECK_NAME);
  return error("REGISTRY_STATUS", `the registry answers ${status}`);
}

export const LOG_IN = "Log in with `docker login` or `podman login`, or check that this account may do it.";
const CHECK_NAME = "Check name and tag. Some registries say this also of what an account may not see.";

/** The whole body of an answer that has to be short. */
export async function readAtMost({ body }: FetchResponse, limit: number, { doing }: Refusal): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      size += chunk.length;
      if (size > limit) {
        throw new BaseKitError("REGISTRY_ANSWER_INVALID", `${doing} failed: the answer is longer than ${limit} bytes`, {
          kind: "network",
        });
      }
      parts.push(chunk);
    }
  } catch (error) {
    if (isBaseKitError(error) && error.code === "FETCH_FAILED") throw new Temporary(error);
    throw error;
  }
  return Buffer.concat(parts);
}

/** Closes the connection of an answer nobody reads: it may be endless. */
export async function discard({ body, headers }: FetchResponse): Promise<void> {
  const short = Number(headers["content-length"] ?? Number.NaN) <= 64 * 1024;
  const chunks = body[Symbol.asyncIterator]();
  try {
    // A short one is read to its end, so that the connection can be used again.
    if (short) while ((await chunks.next()).done !== true) {}
  } catch {
    // Its status was all that mattered.
  }
  await chunks.return?.();
}

/** Registries explain themselves in `errors` of a JSON document, distribution specification "Error Codes". */
async function words(response: FetchResponse): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readAtMost(response, ERROR_AT_MOST, {
      doing: "",
      context: { clock: { now: () => 0, monotonicMs: () => 0 } },
    });
  } catch {
    return "";
  }
  try {
    const errors = asList(member(parseJson(bytes, "errors"), "errors") ?? { value: [], what: "" }, 1000);
    return errors
      .slice(0, ERRORS_SHOWN)
      .map((each) => [member(each, "code")?.value, member(each, "message")?.value].filter(isText).join(": "))
      .map(shown)
      .join("; ");
  } catch {
    const text = bytes.toString("latin1", 0, 200).trim();
    return /^</.test(text) ? "" : shown(text);
  }
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

/** Escaped like any untrusted text, but without quotes: these are sentences. */
function shown(text: string): string {
  const safe = printable(text);
  return safe.startsWith('"') ? safe.slice(1, -1) : safe;
}
