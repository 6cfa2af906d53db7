import type { Command } from "commander";
import type { LockCommandFlags } from "../commands/lock.ts";
import type { CommonOptions } from "../session.ts";
import { type Run, session } from "./answer.ts";
import { common, list, producerOptions, registryOptions } from "./option-groups.ts";

export function addLock(program: Command, run: Run): void {
  const lockCommand = program
    .command("lock <producer>")
    .summary("write down the exact inputs of an image")
    .description(
      "Decides the exact inputs of an image and writes them into base-kit.lock: URL, size, digest and who vouches for each. Nothing is built.",
    )
    .option("--arch <architectures>", "amd64,arm64,… (default: those of the lock, else this machine's)", list)
    .option("--lockfile <file>", "the file to write (default: base-kit.lock)")
    .option("--update", "decide anew, even what the file has already")
    .option("--vendor <directory>", "copy all inputs there; `build --offline --vendor <directory>` needs nothing else")
    .option("--source-date-epoch <seconds>", "time of creation (default: SOURCE_DATE_EPOCH, else the newest input)");
  common(registryOptions(producerOptions(lockCommand)))
    .addHelpText("after", EXAMPLES)
    .action((spec: string, options: LockCommandFlags & CommonOptions) =>
      run(async () => {
        const { lock } = await import("../commands/lock.ts");
        return session(
          options,
          (context) => lock(spec, options, context),
          async (result) => (await import("../render/lock.ts")).renderLock(result),
        );
      }, options),
    );
}

const EXAMPLES = `
Examples:
  base-kit lock alpine:3.20 && base-kit build alpine:3.20 --frozen-lockfile -t demo/alpine
  base-kit lock alpine:3.20 --arch amd64,arm64
  base-kit lock alpine:3.20 --update
  base-kit lock alpine:3.20 --vendor ./inputs && base-kit build alpine:3.20 --offline --vendor ./inputs -t demo/alpine`;
