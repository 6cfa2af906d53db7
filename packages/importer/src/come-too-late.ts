import { BaseKitError, type Digest, fullyQualified, type ImageReference, isBaseKitError } from "@base-kit/core";
import { readEngineImage } from "./client.ts";
import { type Engine, engineName } from "./engine.ts";
import { parseAnswer } from "./facts.ts";
import { ask } from "./request.ts";

const TIME_MS = 2000;

interface Naming {
  readonly engine: Engine;
  readonly id: Digest;
  readonly references: readonly ImageReference[];
  /** Of these, the ones that the engine said it has set. */
  readonly set: readonly ImageReference[];
}

/** What stopped the naming of an image: where it has a name already, that is told. */
export async function toldOfNames(error: unknown, { engine, id, references, set }: Naming): Promise<unknown> {
  if (!isBaseKitError(error) || error.kind !== "interrupted") return error;
  const names = (await namesThere(engine, id, references)) ?? set;
  if (names.length === 0) return error;
  const there = names.map(({ familiar }) => familiar).join(", ");
  return new BaseKitError(error.code, error.message, {
    kind: error.kind,
    hint: `It came too late for ${engineName(engine)}: the image is there as ${there}. Nothing else was left behind.`,
    cause: error,
  });
}

/** Asks the engine directly, as after an abort nothing is started any more: it may have set a name without having said so. */
async function namesThere(
  { address }: Engine,
  id: Digest,
  references: readonly ImageReference[],
): Promise<readonly ImageReference[] | undefined> {
  if (address.type === "ssh") return undefined;
  const asking = { timeoutMs: TIME_MS, signal: AbortSignal.timeout(TIME_MS) };
  const there: ImageReference[] = [];
  try {
    for (const reference of references) {
      const question = { method: "GET", path: `/images/${fullyQualified(reference)}/json` } as const;
      const { status, body } = await ask(address, question, asking);
      if (status === 200 && readEngineImage(parseAnswer(body))?.id === id) there.push(reference);
    }
  } catch {
    return undefined;
  }
  return there;
}
