import type { Context, Image, SinkAhead } from "@base-kit/core";
import { withheld } from "./deliver.ts";
import type { Destinations } from "./destinations.ts";

/** Destinations whose engine takes the layer while it is read. To be disposed when everything was delivered or nothing will be. */
export interface SentAhead extends AsyncDisposable {
  readonly destinations: Destinations;
  /** To be given the layer, whose chunks hold their bytes until the next but one is asked for; absent where there is nobody to send it to. */
  readonly follow?: (layer: AsyncIterable<Uint8Array>) => void;
}

/**
 * An engine takes longer to unpack a layer than it takes to read one. Where the image goes to one engine and nowhere else, both go
 * on at once. As with every image, the last of it is sent only when the image was checked.
 */
export function sendingAhead(destinations: Destinations, context: Context): SentAhead {
  const [only, ...others] = destinations.list;
  const takeAhead = others.length === 0 && !destinations.keepsLayer ? only?.sink.takeAhead : undefined;
  if (only === undefined || takeAhead === undefined) return { destinations, [Symbol.asyncDispose]: async () => {} };
  const { promise: released, resolve: release, reject: refuse } = withResolvers();
  // Where nothing is followed, nobody waits for it.
  released.catch(() => {});
  let ahead: SinkAhead | undefined;
  const sink = {
    ...only.sink,
    write: (...args: Parameters<SinkAhead["write"]>) => (ahead ?? only.sink).write(...args),
  };
  return {
    destinations: {
      ...destinations,
      list: [{ ...only, sink }],
      onImages: (_: readonly Image[], checked: Promise<void>) => void checked.then(release, refuse),
    },
    follow: (layer) => {
      ahead = takeAhead(withheld(layer, released), context);
    },
    [Symbol.asyncDispose]: async () => {
      refuse(new Error("the image was not made"));
      await ahead?.[Symbol.asyncDispose]();
    },
  };
}

/** `Promise.withResolvers`, which Node 20 does not have. */
function withResolvers() {
  let resolve = () => {};
  let reject = (_error: unknown) => {};
  const promise = new Promise<void>((...functions) => {
    [resolve, reject] = functions;
  });
  return { promise, resolve, reject };
}
