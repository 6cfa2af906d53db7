import type { Command } from "commander";
import type { AttachFlags } from "../commands/attach.ts";
import type { CommonOptions } from "../session.ts";
import { type Run, session } from "./answer.ts";
import { common, registryOptions } from "./option-groups.ts";

export function addAttach(program: Command, run: Run): void {
  const attachCommand = program
    .command("attach <image> <file>")
    .summary("put an SBOM or another document beside an image in a registry")
    .description("Puts a document beside an image in its registry, where tools find it by the image's digest.")
    .option("--type <media type>", "media type of the document (default: read from it, for SPDX and CycloneDX)");
  common(registryOptions(attachCommand))
    .addHelpText("after", EXAMPLES)
    .action((image: string, file: string, options: AttachFlags & CommonOptions) =>
      run(async () => {
        const { attach, renderAttach } = await import("../commands/attach.ts");
        return session(
          options,
          (context) => attach(image, file, options, context),
          async (result) => renderAttach(result),
        );
      }, options),
    );
}

const EXAMPLES = `
Examples:
  base-kit attach registry.example.com/demo/image:1 sbom.spdx.json
  base-kit attach registry.example.com/demo/image@sha256:… notes.txt --type text/plain`;
