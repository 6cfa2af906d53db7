import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import {
  BaseKitError,
  type Context,
  JSON_AT_MOST,
  printable,
  systemErrorCode,
  systemErrorReason,
} from "@base-kit/core";
import { type AuthFile, parseAuthFile } from "./auth-file.ts";
import { askHelper } from "./credential-helper.ts";

export type Credentials =
  | { readonly type: "password"; readonly username: string; readonly password: string }
  /** Exchanged for tokens at the registry's token server. */
  | { readonly type: "identity"; readonly token: string }
  /** Given to the registry as it is. */
  | { readonly type: "bearer"; readonly token: string };

/**
 * The login for a repository that docker or podman has on this machine; undefined when there is none. `REGISTRY_AUTH_FILE` and
 * `DOCKER_CONFIG` come first, then podman's and docker's usual places; in each, the most specific entry counts.
 *
 * @throws BaseKitError `AUTH_FILE_INVALID` or `CREDENTIAL_HELPER_FAILED` (environment)
 */
export async function findCredentials(
  registry: string,
  repository: string,
  context: Pick<Context, "env" | "exec" | "signal">,
): Promise<Credentials | undefined> {
  for (const path of authFiles(context.env)) {
    const file = await readAuthFile(path);
    const found = file && (await lookUp(file, registry, { repository, context }));
    if (found !== undefined) return found;
  }
  return undefined;
}

function authFiles(env: Context["env"]): readonly string[] {
  const below = (name: string, ...rest: readonly string[]) => (env[name] ? [join(env[name], ...rest)] : []);
  const config = env["XDG_CONFIG_HOME"] ? below("XDG_CONFIG_HOME") : below("HOME", ".config");
  return [
    ...(env["REGISTRY_AUTH_FILE"] ? [env["REGISTRY_AUTH_FILE"]] : []),
    ...below("DOCKER_CONFIG", "config.json"),
    ...below("XDG_RUNTIME_DIR", "containers", "auth.json"),
    ...config.map((folder) => join(folder, "containers", "auth.json")),
    ...below("HOME", ".docker", "config.json"),
  ];
}

async function readAuthFile(path: string): Promise<AuthFile | undefined> {
  try {
    const { size } = await stat(path);
    if (size > JSON_AT_MOST) throw new Error("it is too large");
    const bytes = await readFile(path);
    return parseAuthFile(bytes, path);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    const why = error instanceof BaseKitError ? error.message : `${printable(path)}: ${systemErrorReason(error)}`;
    throw new BaseKitError("AUTH_FILE_INVALID", `the file with logins cannot be used: ${why}`, {
      kind: "environment",
      hint: "Repair it, or name another one with REGISTRY_AUTH_FILE or DOCKER_CONFIG.",
    });
  }
}

interface LookUp {
  readonly repository: string;
  readonly context: Pick<Context, "env" | "exec" | "signal">;
}

async function lookUp(
  { auths, credHelpers, credsStore }: AuthFile,
  registry: string,
  { repository, context }: LookUp,
): Promise<Credentials | undefined> {
  const keys = keysFor(registry, repository);
  const helper = Object.entries(credHelpers).find(([key]) => keys.includes(normalKey(key)))?.[1] ?? credsStore;
  // Docker keeps its hub's login under the name that version 1 of its API had.
  const server = registry === "docker.io" ? "https://index.docker.io/v1/" : registry;
  const kept = helper === undefined ? undefined : await askHelper(helper, server, context);
  if (kept !== undefined) return kept;
  const written = [...auths].map(([key, value]) => [normalKey(key), value] as const);
  for (const key of keys) {
    const found = written.find(([name]) => name === key);
    if (found !== undefined) return found[1];
  }
  return undefined;
}

/** `host/a/b`, `host/a`, `host`: the most specific first. */
function keysFor(registry: string, repository: string): readonly string[] {
  const parts = [registry, ...repository.split("/")];
  const keys = parts.map((_, index) => parts.slice(0, parts.length - index).join("/"));
  return registry === "docker.io" ? [...keys, "index.docker.io", "registry-1.docker.io"] : keys;
}

/** Docker writes a registry as host, as URL, or as URL with the version of its API. */
function normalKey(key: string): string {
  return key
    .replace(/^https?:\/\//, "")
    .replace(/\/+$/, "")
    .replace(/\/v[12]$/, "");
}
