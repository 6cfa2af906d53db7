/** Turns "tell me each value" into "ask for the next one". */
export interface Handoff<T> {
  /** Fulfilled when the value has been taken; rejected when nobody will take any more. */
  push(value: T): Promise<void>;
  /** No more values will come; with an error, that is what the taker gets. */
  end(error?: unknown): void;
  /** To be read once. */
  values(): AsyncGenerator<T, void, void>;
}

/** At most one value waits: whoever pushes is held back by whoever takes. A stream would do, at several times the cost per value. */
export function createHandoff<T>(): Handoff<T> {
  let offered:
    | { readonly value: T; readonly taken: () => void; readonly refused: (reason: unknown) => void }
    | undefined;
  let ended: { readonly error: unknown } | undefined;
  let abandoned = false;
  let wake = () => {};
  return {
    push: (value) =>
      new Promise((taken, refused) => {
        if (abandoned) refused(new Error("nobody takes any more"));
        else offered = { value, taken, refused };
        wake();
      }),
    end: (error) => {
      ended = { error };
      wake();
    },
    async *values() {
      try {
        for (;;) {
          if (offered !== undefined) {
            const { value, taken } = offered;
            offered = undefined;
            // Before it is used, so that the next one is fetched meanwhile.
            taken();
            yield value;
          } else if (ended !== undefined) {
            if (ended.error !== undefined) throw ended.error;
            return;
          } else {
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
          }
        }
      } finally {
        abandoned = true;
        offered?.refused(new Error("nobody takes any more"));
      }
    },
  };
}
