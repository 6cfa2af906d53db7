import {
  BaseKitError,
  type Context,
  defineProducer,
  type Lock,
  type Producer,
  type ProducerRequest,
  printable,
} from "@base-kit/core";
import { fetchFile, resolveMirror } from "@base-kit/store";
import { parseDependencies } from "./apk/dependency.ts";
import { alpineArchitecture } from "./architecture.ts";
import { checkWolfiOptions } from "./check-options.ts";
import { choosePackages, extendWorld, worldWords } from "./choose-packages.ts";
import { keyFrom, trustedKeys } from "./keys.ts";
import { publicUrl, WOLFI_VARIABLE, withoutCredentials } from "./mirror.ts";
import type { AlpineOptions } from "./options.ts";
import { produce } from "./produce.ts";
import { parseRepository, publicLines } from "./repositories.ts";

const MIRROR = "https://packages.wolfi.dev/os";
const KEY = "wolfi-signing.rsa.pub";
const KEY_AT_MOST = 16 * 1024;
/** What the image `wolfi-base` is made of. */
const WORLD = "wolfi-base";

/** Wolfi, a distribution of apk packages that has one repository, no releases and no root filesystem to start from. */
export const wolfi: Producer<AlpineOptions> = defineProducer({
  name: "wolfi",
  summary: "Wolfi from its packages (needs no root and no other program)",
  releases: ["latest"],
  schema: async () => (await import("./schema.ts")).wolfiSchema,
  resolve,
  circumstances: async (lock) => (await import("./circumstances.ts")).circumstances(lock),
  keepsFailed: true,
  produce,
});

async function resolve(request: ProducerRequest<AlpineOptions>, context: Context): Promise<Lock> {
  const options = { ...(await checkWolfiOptions(request.options)), variant: "packages" as const };
  const { release = "latest" } = request;
  if (release !== "latest") {
    throw new BaseKitError("WOLFI_RELEASE_UNKNOWN", `there is no Wolfi ${printable(release)}`, {
      kind: "usage",
      hint: "Wolfi has no releases: ask for wolfi, and keep the lock.",
    });
  }
  const architecture = alpineArchitecture(request.platform);
  const url =
    options.mirror === undefined
      ? resolveMirror(context.env[WOLFI_VARIABLE] || MIRROR)
      : withoutCredentials(resolveMirror(options.mirror), `Set ${WOLFI_VARIABLE} to this URL instead`);
  const key = options.keyring === undefined ? await fetchKey(url, context) : undefined;
  const world = extendWorld(parseDependencies(WORLD).valid, options.include ?? []);
  const inputs = await choosePackages(
    {
      repositories: [{ url }, ...(options.repository ?? []).map(parseRepository)],
      optional: new Set(),
      architecture,
      keys:
        key === undefined
          ? await trustedKeys({ producer: "wolfi", architecture, keyring: options.keyring })
          : await keyFrom(key.path, KEY),
      world,
      installed: [],
    },
    context,
  );
  const newest = Math.max(0, ...inputs.map(({ facts }) => Number(facts?.["built"] ?? 0)));
  return {
    lockVersion: 1,
    producer: "wolfi",
    release,
    platform: request.platform,
    sourceDateEpoch: request.sourceDateEpoch ?? newest,
    inputs: [...(key === undefined ? [] : [key.input]), ...inputs],
    options: { ...options, world: worldWords(world), repositories: [MIRROR, ...publicLines(options.repository)] },
  };
}

/** Whoever serves the key could serve other packages as well, so it has to come over TLS, and stands in the lock. */
async function fetchKey(mirror: URL, context: Context) {
  const url = new URL(KEY, mirror);
  if (url.protocol === "http:") {
    throw new BaseKitError("KEYRING_MISSING", `the key of ${publicUrl(mirror)} cannot be fetched over plain http`, {
      kind: "verification",
      hint: `Give it with --keyring ${KEY}. Nothing was fetched.`,
    });
  }
  const { path, size, sha256 } = await fetchFile({ url, limit: KEY_AT_MOST }, context);
  const verifiedBy = url.protocol === "https:" ? `TLS certificate of ${url.host}` : "folder of the machine";
  return { path, input: { name: KEY, url: publicUrl(url), size, sha256, verifiedBy } };
}
