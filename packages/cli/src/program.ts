import { Command } from "commander";
import type { Run } from "./grammar/answer.ts";
import { addAttach } from "./grammar/attach.ts";
import { addBuild } from "./grammar/build.ts";
import { addCache } from "./grammar/cache.ts";
import { addCopy } from "./grammar/copy.ts";
import { addDiff } from "./grammar/diff.ts";
import { addDoctor } from "./grammar/doctor.ts";
import { addHelp } from "./grammar/help.ts";
import { addImport } from "./grammar/import.ts";
import { addInspect } from "./grammar/inspect.ts";
import { addLock } from "./grammar/lock.ts";
import { addPack } from "./grammar/pack.ts";
import { addProducers } from "./grammar/producers.ts";
import { addScratch } from "./grammar/scratch.ts";
import { addTags } from "./grammar/tags.ts";
import { addVerify } from "./grammar/verify.ts";
import { version } from "./version.ts";

/** In the order in which `--help` lists them. */
const COMMANDS = {
  build: addBuild,
  lock: addLock,
  import: addImport,
  pack: addPack,
  scratch: addScratch,
  inspect: addInspect,
  diff: addDiff,
  verify: addVerify,
  cache: addCache,
  copy: addCopy,
  tags: addTags,
  attach: addAttach,
  producers: addProducers,
  doctor: addDoctor,
} as const;

/**
 * The command line's grammar: one file a command in `grammar/`. Nothing but commander is loaded for it; a command's
 * code comes in when it runs, so that `--help` answers at once.
 *
 * @param asked the first argument: where it is the name of a command, the others are left out, which nobody will see
 */
export function createProgram(run: Run, asked = ""): Command {
  const program = new Command("base-kit")
    .description("Makes container base images: what stands behind FROM.")
    .version(version(), "-V, --version")
    .showSuggestionAfterError()
    .showHelpAfterError("(--help shows what there is)")
    .addHelpText("after", EXAMPLES);
  const only = Object.entries(COMMANDS).filter(([name]) => name === asked);
  for (const [, add] of only.length > 0 ? only : Object.entries(COMMANDS)) add(program, run);
  for (const group of [program, ...program.commands]) if (group.commands.length > 0) addHelp(group);
  finishErrors(program);
  return program;
}

/** Every error has a code. And docker's name for --arch is too different for commander to see what is meant. */
function finishErrors(command: Command): void {
  const hasArch = command.options.some(({ long }) => long === "--arch");
  command.configureOutput({
    outputError: (text, write) => {
      const hinted = hasArch ? text.replace(/'--platform'\n/, "$&(Did you mean --arch?)\n") : text;
      write(hinted.replace("\n", " [USAGE]\n"));
    },
  });
  for (const each of command.commands) finishErrors(each);
}

const EXAMPLES = `
Examples:
  base-kit build debian:bookworm -t demo/bookworm
  base-kit build alpine:3.20 -t demo/alpine
  base-kit import ./rootfs demo/mine
  base-kit scratch ./hello -t hello
  base-kit doctor`;
