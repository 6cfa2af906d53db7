import { BaseKitError, printable, type RuntimeConfig } from "@base-kit/core";
import type { EngineDescription } from "./engine.ts";

/**
 * The settings of an image as lines of a Dockerfile, the only way `docker import` takes them. Docker reads a line as its build
 * does: quotes group, a backslash escapes, `$NAME` is replaced. Podman takes what stands between the quotes as it is.
 *
 * @throws BaseKitError `IMPORT_VALUE_REFUSED` (usage) for what cannot stand in such a line, such as a line break in a value
 */
export function importChanges(runtime: RuntimeConfig, kind: EngineDescription["kind"]): readonly string[] {
  for (const [name, instruction] of INHERITED) {
    if (runtime[name] !== undefined) refuse(instruction, "the image below has one, which would be lost");
  }
  const escaped = kind === "docker" ? (value: string) => value.replace(/["\\$]/g, "\\$&") : (value: string) => value;
  const quoted = (what: string, value: string) => `"${escaped(oneLine(what, value))}"`;
  const bare = (what: string, value: string) => (kind === "docker" ? quoted(what, value) : oneLine(what, value));
  const pairs = (instruction: string, record: Readonly<Record<string, string>> = {}) =>
    Object.entries(record).map(([name, value]) => {
      const what = `${instruction} ${printable(name)}`;
      if (!/^[^\s\p{Cc}"'\\$=]+$/u.test(name))
        refuse(what, "its name holds white space, quotes or other signs of a Dockerfile");
      return `${instruction} ${name}=${quoted(what, value)}`;
    });
  return [
    ...pairs("ENV", runtime.env),
    // JSON, which escapes line breaks itself. Entrypoint first: in a Dockerfile it drops the Cmd before it.
    ...(runtime.entrypoint === undefined ? [] : [`ENTRYPOINT ${JSON.stringify(runtime.entrypoint)}`]),
    ...(runtime.cmd === undefined ? [] : [`CMD ${JSON.stringify(runtime.cmd)}`]),
    ...(runtime.user ? [`USER ${bare("USER", runtime.user)}`] : []),
    ...(runtime.workdir ? [`WORKDIR ${bare("WORKDIR", runtime.workdir)}`] : []),
    ...(runtime.expose ?? []).map((port) => `EXPOSE ${oneWord("EXPOSE", port)}`),
    ...(runtime.volumes ?? []).map((path) => `VOLUME ${JSON.stringify([escaped(oneLine("VOLUME", path))])}`),
    ...pairs("LABEL", runtime.labels),
    ...(runtime.stopSignal ? [`STOPSIGNAL ${oneWord("STOPSIGNAL", runtime.stopSignal)}`] : []),
  ];
}

/** Settings that only an existing image brings. */
const INHERITED = [
  ["healthcheck", "HEALTHCHECK"],
  ["shell", "SHELL"],
  ["onBuild", "ONBUILD"],
] as const;

function oneLine(what: string, value: string): string {
  if (/[\r\n\0]/.test(value)) refuse(what, `the value ${printable(value)} has a line break in it`);
  return value;
}

function oneWord(what: string, value: string): string {
  if (!/^[\w+/.:-]+$/.test(value)) refuse(what, `the value ${printable(value)} is not one word`);
  return value;
}

function refuse(what: string, why: string): never {
  throw new BaseKitError("IMPORT_VALUE_REFUSED", `${what} cannot be set by docker import: ${why}`, {
    kind: "usage",
    hint: "The import mode load takes every value. Nothing was sent.",
  });
}
