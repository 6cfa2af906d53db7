import { asRecord, asText, asTextRecord, type JsonPart, member, parseJson, printable } from "@base-kit/core";
import type { Credentials } from "./credentials.ts";

/** `config.json` of docker or `auth.json` of podman, as far as logins go. */
export interface AuthFile {
  /** By registry, or registry and repository, as they are written there. */
  readonly auths: ReadonlyMap<string, Credentials>;
  /** Name of the program that keeps the logins of a registry: `docker-credential-NAME`. */
  readonly credHelpers: Readonly<Record<string, string>>;
  readonly credsStore: string | undefined;
}

/**
 * github.com/docker/cli, cli/config, and containers-auth.json(5).
 *
 * @throws BaseKitError `DOCUMENT_INVALID` (unsupported), which names the file and never what is in it
 */
export function parseAuthFile(bytes: Uint8Array, file: string): AuthFile {
  const document = parseJson(bytes, printable(file));
  const auths = member(document, "auths");
  const helpers = member(document, "credHelpers");
  const store = member(document, "credsStore");
  return {
    auths: new Map(
      Object.keys(auths === undefined ? {} : asRecord(unseen(auths))).flatMap((key) => {
        const found = credentialsOf(member(auths as JsonPart, key));
        return found === undefined ? [] : [[key, found] as const];
      }),
    ),
    credHelpers: helpers === undefined ? {} : asTextRecord(unseen(helpers)),
    credsStore: store === undefined ? undefined : asText(store) || undefined,
  };
}

/** An empty entry says only that a login is kept elsewhere. */
function credentialsOf(entry: JsonPart | undefined): Credentials | undefined {
  if (entry === undefined) return undefined;
  const fields = asRecord(unseen(entry));
  const text = (name: string): string => {
    const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
    return typeof value === "string" ? value : "";
  };
  if (text("identitytoken") !== "") return { type: "identity", token: text("identitytoken") };
  if (text("registrytoken") !== "") return { type: "bearer", token: text("registrytoken") };
  const [username, password] = text("auth") === "" ? [text("username"), text("password")] : decoded(text("auth"));
  return username === "" ? undefined : { type: "password", username, password };
}

/** What stands in the place of an object may be a secret, which no message must show. */
function unseen(part: JsonPart): JsonPart {
  return typeof part.value === "object" ? part : { ...part, value: undefined };
}

/** base64 of `user:password`; Docker used to pad the password with NULs. */
function decoded(auth: string): readonly [username: string, password: string] {
  const pair = Buffer.from(auth, "base64").toString("utf8");
  const colon = pair.indexOf(":");
  return colon < 0 ? ["", ""] : [pair.slice(0, colon), pair.slice(colon + 1).replace(/\0+$/, "")];
}
