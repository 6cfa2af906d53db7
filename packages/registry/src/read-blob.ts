import { BaseKitError, type FetchResponse, printable } from "@base-kit/core";
import type { Descriptor } from "@base-kit/oci";
import { isTemporary, Temporary } from "@base-kit/store";
import { discard } from "./answer.ts";
import { inRepository, type Repository } from "./repository.ts";

/** Less than this in a minute is a server that keeps the connection open without serving. */
const SLOWEST_PER_MINUTE = 60 * 1024;
const MINUTE_MS = 60_000;
/** Who brought this much since the last failure has not used up a try. */
const PROGRESS = 1024 ** 2;

/**
 * The bytes of a blob. A download that breaks off goes on where it stopped; that the parts belong together is told by the
 * digest, which whoever reads compares.
 *
 * @throws BaseKitError `REGISTRY_…`, `FETCH_…` (network), `REGISTRY_DIGEST_MISMATCH` (verification) when there are more bytes than promised
 */
export async function* readBlob(
  repository: Repository,
  { digest, size }: Pick<Descriptor, "digest" | "size">,
): AsyncGenerator<Uint8Array, void, void> {
  const { session, name } = repository;
  const doing = `reading the blob ${digest} of ${printable(name)}`;
  let received = 0;
  let tries = session.tries();
  let before = 0;
  while (received < size) {
    try {
      const response = await request(repository, digest, { received, doing });
      // A server that knows no ranges sends everything again.
      let skip = response.status === 206 ? 0 : received;
      for await (const chunk of paced(response, session.context.clock, doing)) {
        const rest = chunk.subarray(Math.min(skip, chunk.length));
        skip -= chunk.length - rest.length;
        if (rest.length === 0) continue;
        received += rest.length;
        if (received > size) throw tooLong(doing, size);
        yield rest;
      }
      if (received < size) throw cut(doing, received, size);
    } catch (error) {
      const failure = error instanceof Temporary ? error : isTemporary(error) ? new Temporary(error) : undefined;
      if (failure === undefined) throw error;
      if (received - before >= PROGRESS) tries = session.tries();
      before = received;
      await tries.next(failure);
    }
  }
}

interface Part {
  readonly received: number;
  readonly doing: string;
}

async function request(repository: Repository, digest: string, { received, doing }: Part): Promise<FetchResponse> {
  const asked = inRepository(repository, `blobs/${digest}`, {
    headers: received === 0 ? {} : { range: `bytes=${received}-` },
    actions: "pull",
    verb: "reading",
    expect: received === 0 ? [200] : [200, 206],
  });
  const response = await repository.session.send({ ...asked, doing });
  if (response.status === 200) return response;
  const start = /^bytes (\d{1,15})-/.exec(response.headers["content-range"] ?? "")?.[1];
  if (start !== undefined && Number(start) === received) return response;
  await discard(response);
  const text = `${doing} failed: asked to go on at byte ${received}, the registry goes on elsewhere`;
  throw new Temporary(new BaseKitError("REGISTRY_ANSWER_INVALID", text, { kind: "network" }));
}

/** Ends a body that trickles: each byte alone would keep the connection from timing out. */
async function* paced(
  { body }: FetchResponse,
  clock: { monotonicMs(): number },
  doing: string,
): AsyncGenerator<Uint8Array, void, void> {
  let since = clock.monotonicMs();
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    yield chunk;
    const elapsed = clock.monotonicMs() - since;
    if (elapsed < MINUTE_MS) continue;
    if (bytes < SLOWEST_PER_MINUTE) {
      const text = `${doing} failed: only ${bytes} bytes came in ${Math.round(elapsed / 1000)} s`;
      throw new Temporary(new BaseKitError("FETCH_FAILED", text, { kind: "network" }));
    }
    since += elapsed;
    bytes = 0;
  }
}

function cut(doing: string, received: number, size: number): Temporary {
  const text = `${doing} failed: the answer broke off after ${received} of ${size} bytes`;
  return new Temporary(new BaseKitError("FETCH_FAILED", text, { kind: "network" }));
}

function tooLong(doing: string, size: number): BaseKitError {
  return new BaseKitError("REGISTRY_DIGEST_MISMATCH", `${doing} failed: expected ${size} bytes, there are more`, {
    kind: "verification",
    hint: "Nothing of it was used.",
  });
}
