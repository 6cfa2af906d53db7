import { posix } from "node:path";
import { BaseKitError, type ByteString, bytesFromText, printable, type RuntimeConfig } from "@base-kit/core";
import type { Placement } from "./image-path.ts";
import { requireImagePath } from "./image-path.ts";
import type { ImageTree } from "./image-tree.ts";

/** What Docker sets when an image says nothing. */
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** What can be started. */
interface Startable {
  readonly programs: readonly Placement[];
  readonly tree: Pick<ImageTree, "items" | "real">;
  /** What starts the first file, where that is not the file itself. */
  readonly command: readonly string[] | undefined;
}

/**
 * The settings of an image of these programs: without a command of its own the first program is started, as in Docker's
 * guide.
 *
 * @throws BaseKitError `SCRATCH_RUNTIME` (usage) for settings with which no container would start
 */
export function scratchRuntime(startable: Startable, asked: RuntimeConfig = {}): RuntimeConfig {
  const { programs, command } = startable;
  const isGiven = asked.cmd !== undefined || (asked.entrypoint ?? []).length > 0;
  const runtime = isGiven ? asked : { ...asked, cmd: command ?? programs.slice(0, 1).map(({ path }) => path) };
  requireStartable(startable, runtime);
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

function requireStartable({ programs, tree }: Startable, runtime: RuntimeConfig): void {
  const [executable] = [...(runtime.entrypoint ?? []), ...(runtime.cmd ?? [])];
  if (executable === undefined) throw notThere("nothing would be started", programs);
  const candidates = candidatesFor(executable, runtime);
  if (candidates.some((path) => isProgram(tree, bytesFromText(path)))) return;
  throw notThere(`${printable(executable)}, which a container would start, is not in the image`, programs);
}

function isProgram(tree: Startable["tree"], path: ByteString): boolean {
  let at = tree.real(path);
  for (let links = 0; links < 40; links++) {
    const item = tree.items.get(at);
    if (item?.type !== "symlink") return item?.type === "file";
    at = tree.real(posix.resolve(posix.dirname(at), item.target) as ByteString);
  }
  return false;
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
