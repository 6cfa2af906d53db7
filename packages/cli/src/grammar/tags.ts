import type { Command } from "commander";
import type { CommonOptions } from "../session.ts";
import { type Run, session } from "./answer.ts";
import { common, registryOptions } from "./option-groups.ts";

export function addTags(program: Command, run: Run): void {
  common(registryOptions(program.command("tags <repository>")))
    .summary("list the tags of a repository in a registry")
    .description("Lists the tags that a registry has under a name.")
    .addHelpText("after", EXAMPLES)
    .action((repository: string, options: CommonOptions) =>
      run(async () => {
        const { renderTags, tags } = await import("../commands/tags.ts");
        return session(
          options,
          (context) => tags(repository, context),
          async (result) => renderTags(result),
        );
      }, options),
    );
}

const EXAMPLES = `
Examples:
  base-kit tags alpine
  base-kit tags registry.example.com/demo/image --json`;
