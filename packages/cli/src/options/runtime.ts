import { BaseKitError, printable, type RuntimeConfig } from "@base-kit/core";
import { refuseCredentials } from "@base-kit/oci";

/** Flags that say how containers start, spelled as in docker. */
export interface RuntimeFlags {
  readonly env?: readonly string[];
  readonly cmd?: string;
  readonly entrypoint?: string;
  readonly user?: string;
  readonly workdir?: string;
  readonly expose?: readonly string[];
  readonly volume?: readonly string[];
  readonly label?: readonly string[];
  readonly stopSignal?: string;
}

/** @throws BaseKitError `OPTION_INVALID` (usage) */
export function runtimeFromFlags(
  flags: RuntimeFlags,
  environment: Readonly<Record<string, string | undefined>>,
): RuntimeConfig {
  return {
    ...(flags.env === undefined ? {} : { env: environmentVariables(flags.env, environment) }),
    ...(flags.cmd === undefined ? {} : { cmd: words("--cmd", flags.cmd) }),
    ...(flags.entrypoint === undefined ? {} : { entrypoint: words("--entrypoint", flags.entrypoint) }),
    ...(flags.user === undefined
      ? {}
      : { user: matching("--user", flags.user, /^[\w][\w.-]*(?::[\w][\w.-]*)?$/, "user, uid, user:group or uid:gid") }),
    ...(flags.workdir === undefined ? {} : { workdir: absolute("--workdir", flags.workdir) }),
    ...(flags.expose === undefined ? {} : { expose: flags.expose.map(port) }),
    ...(flags.volume === undefined ? {} : { volumes: flags.volume.map((path) => absolute("--volume", path)) }),
    ...(flags.label === undefined ? {} : { labels: harmlessPairs("label", flags.label) }),
    ...(flags.stopSignal === undefined
      ? {}
      : {
          stopSignal: matching(
            "--stop-signal",
            flags.stopSignal,
            /^(?:SIG[A-Z0-9+-]+|\d{1,2})$/,
            "a name such as SIGTERM, or a number",
          ),
        }),
  };
}

/**
 * `KEY=VALUE` each, for labels and annotations.
 *
 * @throws BaseKitError `OPTION_INVALID`, `IMAGE_CREDENTIALS` (usage)
 */
export function harmlessPairs(
  what: "label" | "annotation",
  values: readonly string[],
): Readonly<Record<string, string>> {
  const given = pairs(`--${what}`, values);
  refuseCredentials(what, given);
  return given;
}

function pairs(option: string, values: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    values.map((value): [string, string] => {
      const equals = value.indexOf("=");
      if (equals <= 0) return invalid(option, value, "KEY=VALUE");
      return [value.slice(0, equals), value.slice(equals + 1)];
    }),
  );
}

/** As docker: a name without a value takes the value it has here, and is left out when it has none. */
function environmentVariables(
  values: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  const result: Record<string, string> = {};
  for (const value of values) {
    const [, name, assigned] =
      /^([^=\0]+)(?:=([^\0]*))?$/s.exec(value) ?? invalid("--env", value, "NAME=VALUE or NAME");
    const content = assigned ?? environment[name as string];
    if (content !== undefined) result[name as string] = content;
  }
  return result;
}

/** A JSON array as in a Dockerfile's exec form, or words between spaces; there is no shell to understand quotes. */
function words(option: string, value: string): readonly string[] {
  if (value.trimStart().startsWith("[")) {
    try {
      const parsed: unknown = JSON.parse(value);
      if (Array.isArray(parsed) && parsed.every((word) => typeof word === "string")) return parsed;
    } catch {
      // Told below.
    }
    return invalid(option, value, 'a JSON array of strings, such as ["sh", "-c", "echo hello"]');
  }
  if (/["'\\]/.test(value))
    return invalid(option, value, 'words without quotes, or a JSON array such as ["sh", "-c", "echo hello"]');
  return value.split(/\s+/).filter((word) => word !== "");
}

function port(value: string): string {
  const [, number, protocol = "tcp"] = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/.exec(value) ?? [];
  if (number === undefined || Number(number) < 1 || Number(number) > 65535)
    return invalid("--expose", value, "a port such as 80, 80/tcp or 53/udp");
  return `${Number(number)}/${protocol}`;
}

function absolute(option: string, value: string): string {
  return matching(option, value, /^\/[^\0\n]*$/, "an absolute path");
}

function matching(option: string, value: string, grammar: RegExp, expected: string): string {
  return grammar.test(value) ? value : invalid(option, value, expected);
}

function invalid(option: string, value: string, expected: string): never {
  throw new BaseKitError("OPTION_INVALID", `${option} ${printable(value)} is refused: expected ${expected}`, {
    kind: "usage",
  });
}
