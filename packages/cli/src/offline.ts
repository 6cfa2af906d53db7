import { BaseKitError, type Context, redactUrl } from "@base-kit/core";

/** The same context without the network: what is not in the cache or on this machine is an error. */
export function offlineContext<T extends Context>(context: T): T {
  return {
    ...context,
    offline: true,
    fetch: async (url) => {
      throw new BaseKitError(
        "OFFLINE",
        `${redactUrl(url)} is not in the cache, and --offline does not allow fetching it`,
        {
          kind: "network",
          hint: "Run once without --offline. With a lock file, `base-kit lock --vendor DIR` copies all it needs into a folder for `build --vendor DIR`.",
        },
      );
    },
  };
}
