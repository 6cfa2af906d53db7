import type { Command } from "commander";
import type { ImportFlags } from "../commands/import.ts";
import type { CommonOptions } from "../session.ts";
import { imageText, type Run, session } from "./answer.ts";
import { imageOptions, pathOptions } from "./option-groups.ts";

export function addImport(program: Command, run: Run): void {
  const importCommand = program
    .command("import <source> [name]")
    .summary("make an image of a directory or tar")
    .description(
      "Makes an image of a directory, a tar (plain, gzip, xz, zstd) or - for standard input: what `tar -c . | docker import -` did.",
    )
    .option("--arch <architecture>", "what its programs are for (default: read from them)");
  imageOptions(pathOptions(importCommand))
    .addHelpText("after", EXAMPLES)
    .action((source: string, name: string | undefined, options: ImportFlags & CommonOptions) =>
      run(async () => {
        const { importRootfs } = await import("../commands/import.ts");
        return session(options, (context) => importRootfs(source, name, options, context), imageText);
      }, options),
    );
}

const EXAMPLES = `
Examples:
  base-kit import ./rootfs demo/mine
  base-kit import rootfs.tar.xz demo/mine --cmd /sbin/init
  base-kit import / demo/this-machine        (without /proc, /sys, /dev, /run, /tmp, other mounts and the engine's storage)
  debootstrap bookworm root && base-kit import root demo/bookworm
  base-kit import ./rootfs -o oci-archive:mine.tar --path-exclude '/usr/share/man/*'`;
