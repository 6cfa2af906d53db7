import { asText, BaseKitError, type Context, isBaseKitError, parseJson, printable, required } from "@base-kit/core";
import type { Credentials } from "./credentials.ts";

const TIME_MS = 30_000;
const ANSWER_AT_MOST = 1024 ** 2;

/**
 * Asks `docker-credential-NAME get` for a login: github.com/docker/docker-credential-helpers. Undefined when it has none.
 *
 * @throws BaseKitError `CREDENTIAL_HELPER_FAILED` (environment), without what the program said: it may hold the secret
 */
export async function askHelper(
  name: string,
  server: string,
  { exec, env, signal }: Pick<Context, "exec" | "env" | "signal">,
): Promise<Credentials | undefined> {
  const program = `docker-credential-${name}`;
  const failed = (why: string, hint: string) =>
    new BaseKitError(
      "CREDENTIAL_HELPER_FAILED",
      `${printable(program)} gave no login for ${printable(server)}: ${why}`,
      {
        kind: "environment",
        hint,
      },
    );
  // It becomes the name of a program.
  if (!/^[\w.-]+$/.test(name)) throw failed("its name is refused", "Check credHelpers and credsStore.");
  // It is the user's own program and may need all of the user's settings to open the place where it keeps the logins.
  const own = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const { exitCode, stdout } = await exec(program, ["get"], {
    stdin: Buffer.from(`${server}\n`),
    env: Object.fromEntries(own),
    timeoutMs: TIME_MS,
    maxOutput: ANSWER_AT_MOST,
    expectedExitCodes: "any",
  }).catch((error: unknown) => {
    signal.throwIfAborted();
    if (!isBaseKitError(error)) throw error;
    throw failed(
      error.code === "EXEC_NOT_FOUND" ? "the program was not found" : "it could not be run, or took too long",
      INSTALL,
    );
  });
  if (exitCode !== 0) {
    if (
      /credentials not found|not found in native keychain|no credentials|no usernames/i.test(stdout.toString("latin1"))
    )
      return undefined;
    throw failed(`it ended with exit code ${exitCode}`, `Try it: echo ${printable(server)} | ${program} get`);
  }
  try {
    const answer = parseJson(stdout, "the answer");
    const username = asText(required(answer, "Username"));
    const secret = asText(required(answer, "Secret"));
    if (secret === "") return undefined;
    return username === "<token>"
      ? { type: "identity", token: secret }
      : { type: "password", username, password: secret };
  } catch {
    throw failed("its answer cannot be read", "A helper answers with Username and Secret in JSON.");
  }
}

const INSTALL = "Install it, or take it out of credHelpers and credsStore in the file with logins.";
