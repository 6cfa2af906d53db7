import { BaseKitError, isBaseKitError, type SinkResult } from "@base-kit/core";
import { STANDARD_OUTPUT } from "./standard-output.ts";

/** What ended the work on several outputs: when it was the user, what was finished by then is told. */
export function toldOfFinished(error: unknown, outputs: readonly SinkResult[], signal: AbortSignal): unknown {
  const { reason } = signal;
  if (outputs.length === 0 || !signal.aborted || !isBaseKitError(reason)) return error;
  const places = outputs.flatMap(({ references }) => references);
  const named = places.map((place) => (place === STANDARD_OUTPUT ? "standard output" : place)).join(", ");
  // Who was stopped may know more of what is left.
  const more = error !== reason && isBaseKitError(error) && error.kind === "interrupted" ? error.hint : undefined;
  return new BaseKitError(reason.code, reason.message, {
    kind: reason.kind,
    hint: [`What was finished before that is there: ${named}.`, ...(more === undefined ? [] : [more])].join(" "),
    cause: error,
  });
}
