import type { Command } from "commander";
import type { PackFlags } from "../commands/pack.ts";
import type { CommonOptions } from "../session.ts";
import { type Run, session } from "./answer.ts";
import { common, pathOptions } from "./option-groups.ts";

export function addPack(program: Command, run: Run): void {
  const packCommand = program
    .command("pack <directory> <file>")
    .summary("write a directory as a deterministic tar")
    .description(
      "Writes a directory as a tar; the same tree always gives the same bytes. FILE - is standard output; a name in .gz or .zst is compressed.",
    )
    .option("--source-date-epoch <seconds>", "no file is newer than this");
  common(pathOptions(packCommand))
    .addHelpText("after", EXAMPLES)
    .action((directory: string, file: string, options: PackFlags & CommonOptions) =>
      run(async () => {
        const { pack, renderPacked } = await import("../commands/pack.ts");
        return session(
          options,
          (context) => pack(directory, file, options, context),
          async (result) => renderPacked(result),
        );
      }, options),
    );
}

const EXAMPLES = `
Examples:
  base-kit pack ./rootfs rootfs.tar
  base-kit pack ./rootfs rootfs.tar.gz --source-date-epoch 1700000000
  base-kit pack ./rootfs - | docker import - demo/mine`;
