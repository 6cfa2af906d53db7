import { posix } from "node:path";
import { BaseKitError, printable, type RuntimeConfig } from "@base-kit/core";
import type { Placement } from "./image-path.ts";
import { requireImagePath } from "./image-path.ts";

/** What Docker sets when an image says nothing. */
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * The settings of an image of these programs: without a command of its own the first program is started, as in Docker's
 * guide.
 *
 * @throws BaseKitError `SCRATCH_RUNTIME` (usage) for settings with which no container would start
 */
export function scratchRuntime(programs: readonly Placement[], asked: RuntimeConfig = {}): RuntimeConfig {
  const isGiven = asked.cmd !== undefined || (asked.entrypoint ?? []).length > 0;
  const runtime = isGiven ? asked : { ...asked, cmd: programs.slice(0, 1).map(({ path }) => path) };
  requireUserNumbers(runtime.user);
  requireStartable(programs, runtime);
  return runtime.workdir === undefined ? runtime : { ...runtime, workdir: checkedWorkdir(programs, runtime.workdir) };
}

/** As Docker cleans it: `/app/` is `/app`. */
function checkedWorkdir(programs: readonly Placement[], asked: string): string {
  const workdir = posix.normalize(asked).replace(/(?<=.)\/$/, "");
  if (workdir === "/") return workdir;
  requireImagePath(workdir, "the working directory");
  const program = programs.find(({ path }) => `${workdir}/`.startsWith(`${path}/`));
  if (program === undefined) return workdir;
  throw new BaseKitError(
    "SCRATCH_RUNTIME",
    `the working directory ${printable(asked)} cannot be in the image: ${printable(program.path)} is a program`,
    { kind: "usage", hint: "Choose another folder, or leave --workdir away." },
  );
}

function requireUserNumbers(user: string | undefined): void {
  if (user === undefined || user === "" || /^\d{1,10}(?::\d{1,10})?$/.test(user)) return;
  throw new BaseKitError(
    "SCRATCH_RUNTIME",
    `the user ${printable(user)} cannot be found in a scratch image, which has no /etc/passwd`,
    { kind: "usage", hint: "Write it as numbers, such as 65532:65532." },
  );
}

function requireStartable(programs: readonly Placement[], runtime: RuntimeConfig): void {
  const [executable] = [...(runtime.entrypoint ?? []), ...(runtime.cmd ?? [])];
  if (executable === undefined) throw notThere("nothing would be started", programs);
  const candidates = candidatesFor(executable, runtime);
  if (programs.some(({ path }) => candidates.includes(path))) return;
  throw notThere(`${printable(executable)}, which a container would start, is not in the image`, programs);
}

/** Where a container looks for a program: as execvp(3), from the working directory. */
function candidatesFor(executable: string, { workdir = "/", env = {} }: RuntimeConfig): readonly string[] {
  if (executable.includes("/")) return [posix.resolve("/", workdir, executable)];
  return (env["PATH"] ?? DEFAULT_PATH).split(":").map((folder) => posix.resolve("/", workdir, folder, executable));
}

function notThere(what: string, programs: readonly Placement[]): BaseKitError {
  const paths = programs.map(({ path }) => printable(path)).join(", ");
  return new BaseKitError("SCRATCH_RUNTIME", `${what}; the image has ${paths}`, {
    kind: "usage",
    hint: "Let --entrypoint or --cmd begin with the path of a program in the image, or leave both away.",
  });
}
