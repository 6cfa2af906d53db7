import type { Command } from "commander";
import type { CopyFlags } from "../commands/copy.ts";
import type { CommonOptions } from "../session.ts";
import { type Run, session } from "./answer.ts";
import { common, engineOptions, list, registryOptions } from "./option-groups.ts";

export function addCopy(program: Command, run: Run): void {
  const copyCommand = program
    .command("copy <source> <destination>")
    .summary("copy an image between registries, engines, layouts and archives")
    .description(
      "Copies an image as it is, with every digest, between any two places; all architectures unless some are named.",
    )
    .option("--arch <architectures>", "only these: amd64,arm64,…", list);
  common(registryOptions(engineOptions(copyCommand)))
    .addHelpText("after", EXAMPLES)
    .action((source: string, destination: string, options: CopyFlags & CommonOptions) =>
      run(async () => {
        const { copy, renderCopy } = await import("../commands/copy.ts");
        return session(
          options,
          (context) => copy(source, destination, options, context),
          async (result) => renderCopy(result),
        );
      }, options),
    );
}

const EXAMPLES = `
Examples:
  base-kit copy debian:bookworm-slim oci:images:bookworm
  base-kit copy docker://alpine:3.20 docker://registry.example.com/mirror/alpine:3.20
  base-kit copy oci:images:bookworm docker-daemon:demo/bookworm
  base-kit copy image.tar docker://127.0.0.1:5000/demo/image --arch amd64,arm64

A source or destination is docker://NAME, docker-daemon:NAME, oci:DIRECTORY[:TAG], oci-archive:FILE or docker-archive:FILE;
a source may be a file, directory or image name alone, a destination tar:FILE or rootfs:DIRECTORY. Logins are those of docker and podman.`;
