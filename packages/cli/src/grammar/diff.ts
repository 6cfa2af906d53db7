import { type Command, Option } from "commander";
import type { DiffFlags } from "../commands/diff.ts";
import type { CommonOptions } from "../session.ts";
import { type Run, session } from "./answer.ts";
import { common, SOURCES, sourceOptions } from "./option-groups.ts";

export function addDiff(program: Command, run: Run): void {
  const diffCommand = program
    .command("diff <before> <after>")
    .summary("show what differs between two images")
    .description(
      `Shows which packages, files and settings differ between two images. Exit code: 0 the same, 1 different, 2 and more failed.\n${SOURCES}`,
    )
    .addOption(
      new Option("--format <format>", "markdown is for a comment on a pull request (default: text)").choices([
        "text",
        "markdown",
      ]),
    );
  common(sourceOptions(diffCommand))
    .addHelpText("after", EXAMPLES)
    .action((before: string, after: string, options: DiffFlags & CommonOptions) =>
      run(async () => {
        const { diff } = await import("../commands/diff.ts");
        const { renderDifference, renderMarkdown } = await import("../render/difference.ts");
        const render = options.format === "markdown" ? renderMarkdown : renderDifference;
        const answer = await session(
          options,
          (context) => diff([before, after], options, context),
          async (result) => render(result),
        );
        return { ...answer, exitCode: answer.value.same ? 0 : DIFFERENT };
      }, options),
    );
}

/** As diff(1) has it. */
const DIFFERENT = 1;

const EXAMPLES = `
Examples:
  base-kit diff oci:images:old oci:images:new
  base-kit diff docker-daemon:demo/alpine image.tar --format markdown > comment.md
  base-kit diff old.tar new.tar --quiet && echo the same`;
