import { BaseKitError, printable, type RuntimeConfig } from "@base-kit/core";
import type { Placement } from "./image-path.ts";

/** A program and its name in the build context. */
export interface ContextFile extends Placement {
  readonly name: string;
}

/** Not everything that may stand in a path may stand in an `ADD` or `.dockerignore` line, and some names mean something there. */
const PLAIN_NAME = /^(?!dockerfile)[A-Za-z0-9][A-Za-z0-9._+-]*$/i;
const PLAIN_PATH = /^[A-Za-z0-9._+/-]+$/;

/** Everything but the programs. */
export const ARCHIVE = "rootfs.tar";

/** Names in the context: the program's own where that is plain and free, so that one reads `ADD hello /`. */
export function contextFiles<P extends Placement>(programs: readonly P[]): readonly (P & ContextFile)[] {
  const taken = new Set([ARCHIVE]);
  return programs.map((program, index) => {
    const own = program.path.slice(program.path.lastIndexOf("/") + 1);
    // Case does not tell names apart on every disk.
    const isFree = PLAIN_NAME.test(own) && !/^program-\d+$/i.test(own) && !taken.has(own.toLowerCase());
    const name = isFree ? own : `program-${index + 1}`;
    taken.add(name.toLowerCase());
    return { ...program, name };
  });
}

/**
 * The Dockerfile of Docker's guide: <https://docs.docker.com/build/building/base-images/>, "Create a minimal base image
 * using scratch".
 *
 * @throws BaseKitError `SCRATCH_DOCKERFILE` (usage) for a setting that no Dockerfile can carry
 */
export function dockerfile(files: readonly ContextFile[], runtime: RuntimeConfig): string {
  const { env = {}, labels = {}, workdir, expose = [], volumes = [], stopSignal, user, entrypoint = [], cmd } = runtime;
  const lines = [
    "# syntax=docker/dockerfile:1",
    "FROM scratch",
    ...files.map(add),
    ...Object.entries(env).map(([name, value]) => `ENV ${assignment("environment variable", name, value)}`),
    ...Object.entries(labels).map(([name, value]) => `LABEL ${assignment("label", name, value)}`),
    ...(workdir === undefined ? [] : [`WORKDIR ${word("working directory", workdir)}`]),
    ...expose.map((port) => `EXPOSE ${word("port", port)}`),
    ...(volumes.length === 0 ? [] : [`VOLUME ${JSON.stringify(volumes.map(escapeWord))}`]),
    ...(stopSignal === undefined ? [] : [`STOPSIGNAL ${word("stop signal", stopSignal)}`]),
    ...(user === undefined || user === "" ? [] : [`USER ${user}`]),
    ...(entrypoint.length === 0 ? [] : [`ENTRYPOINT ${JSON.stringify(entrypoint)}`]),
    ...(cmd === undefined ? [] : [`CMD ${JSON.stringify(cmd)}`]),
  ];
  return `${lines.join("\n")}\n`;
}

/** Lets in what the Dockerfile adds. The digest is how the folder is recognized as unchanged; see `isOwnContext`. */
export function dockerignore(names: readonly string[], digest: string): string {
  const allowed = [...names].sort().map((name) => `!${name}\n`);
  return `# Written by base-kit scratch, ${digest}\n*\n${allowed.join("")}`;
}

function add({ name, path }: ContextFile): string {
  if (path === `/${name}` || path === "/") return `ADD ${name} /`;
  if (PLAIN_PATH.test(path)) return `ADD ${name} ${path}`;
  return `ADD ${JSON.stringify([name, escapeWord(path)])}`;
}

/** Variables and quotes are replaced in most instructions, in their JSON form too; a backslash takes that meaning away. */
function escapeWord(text: string): string {
  return text.replace(/[\\'"$]/g, "\\$&");
}

function assignment(what: string, name: string, value: string): string {
  if (!/^[^\s\p{Cc}="'\\$#]+$/u.test(name)) throw notExpressible(what, name);
  if (/[\0\n\r]/.test(value)) throw notExpressible(what, name);
  return `${name}="${value.replace(/[\\"$]/g, "\\$&")}"`;
}

/** One word without quotes. A backslash at its end would join the next line, escaped or not. */
function word(what: string, value: string): string {
  if (!/^[^\s\p{Cc}\\]+$/u.test(value)) throw notExpressible(what, value);
  return escapeWord(value);
}

function notExpressible(what: string, value: string): BaseKitError {
  return new BaseKitError("SCRATCH_DOCKERFILE", `the ${what} ${printable(value)} cannot be written in a Dockerfile`, {
    kind: "usage",
    hint: "Make the image directly, or leave out line breaks, quotes and blanks. Nothing was written.",
  });
}
