import { readFile } from "node:fs/promises";
import { BaseKitError, type Context, redactUrl } from "@base-kit/core";
import { resolveMirror } from "@base-kit/store";

export const PUBLIC_MIRROR = "https://dl-cdn.alpinelinux.org/alpine";
export const MIRROR_VARIABLE = "BASE_KIT_ALPINE_MIRROR";
export const WOLFI_VARIABLE = "BASE_KIT_WOLFI_MIRROR";

/**
 * The mirror: option, else environment, else the machine's own where that runs Alpine (companies have their mirror there),
 * else the public one. Ends with `/`; may contain credentials when it comes from the environment.
 *
 * @throws BaseKitError `MIRROR_INVALID`, `MIRROR_WITH_CREDENTIALS` (usage), `MIRROR_NOT_FOUND` (environment)
 */
export async function chooseMirror(
  option: string | undefined,
  { env, hostRoot = "" }: { readonly env: Context["env"]; readonly hostRoot?: string },
): Promise<URL> {
  if (option !== undefined)
    return withoutCredentials(resolveMirror(option), `Set ${MIRROR_VARIABLE} to this URL instead`);
  return resolveMirror(env[MIRROR_VARIABLE] || (await hostMirror(hostRoot)) || PUBLIC_MIRROR);
}

/** Options are seen by everyone on the machine, and stand in the lock. */
export function withoutCredentials(url: URL, instead: string): URL {
  if (url.username === "" && url.password === "") return url;
  throw new BaseKitError(
    "MIRROR_WITH_CREDENTIALS",
    `the mirror ${redactUrl(url)} is refused: it contains credentials`,
    {
      kind: "usage",
      hint: `${instead}: options are seen by other users and written into the lock.`,
    },
  );
}

/** The first usable line of apk's repositories file, up to the branch: apk-repositories(5). */
async function hostMirror(root: string): Promise<string | undefined> {
  const read = (path: string) => readFile(`${root}${path}`, "utf8").catch(() => "");
  if (!/^ID=["']?alpine["']?$/m.test(await read("/etc/os-release"))) return undefined;
  for (const line of (await read("/etc/apk/repositories")).split("\n")) {
    const [, mirror] = /^\s*(?:@\S+\s+)?(https?:\/\/\S+)\/(?:v[\d.]+|edge|latest-stable)\/\S+\s*$/.exec(line) ?? [];
    if (mirror !== undefined) return mirror;
  }
  return undefined;
}

/** A URL with the credentials that the environment has for the same mirror. */
export function withEnvironmentCredentials(url: URL, env: Context["env"]): URL {
  for (const known of [env[MIRROR_VARIABLE], env[WOLFI_VARIABLE]]) {
    if (!known || !URL.canParse(known) || new URL(known).origin !== url.origin || url.protocol === "file:") continue;
    const { username, password } = new URL(known);
    return Object.assign(new URL(url), { username, password });
  }
  return url;
}

/** As locks and messages name it. */
export function publicUrl(url: URL): string {
  return Object.assign(new URL(url), { username: "", password: "" }).href;
}
