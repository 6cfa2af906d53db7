import type { Command } from "commander";
import type { SourceFlags } from "../inspect/open-one.ts";
import type { CommonOptions } from "../session.ts";
import { type Run, session } from "./answer.ts";
import { common, SOURCES, sourceOptions } from "./option-groups.ts";

export function addInspect(program: Command, run: Run): void {
  const inspectCommand = program
    .command("inspect <image>")
    .summary("show what is in an image")
    .description(
      `Shows an image's layers, configuration, packages, largest folders, and the space that its layers waste.\n${SOURCES}`,
    )
    .option("--lint", "show what would keep it from working and what should not be in it; exit code 1 for an error");
  common(sourceOptions(inspectCommand))
    .addHelpText("after", EXAMPLES)
    .action((name: string, options: SourceFlags & CommonOptions & { readonly lint?: boolean }) =>
      run(async () => {
        if (options.lint === true) {
          const { lint, renderLint } = await import("../commands/lint.ts");
          const { withSession } = await import("../session.ts");
          const value = await withSession(options, (context) => lint(name, options, context));
          const isBroken = value.findings.some(({ severity }) => severity === "error");
          return { value, text: renderLint(value), exitCode: isBroken ? 1 : 0 };
        }
        const { inspect } = await import("../commands/inspect.ts");
        return session(
          options,
          (context) => inspect(name, options, context),
          async (result) => (await import("../render/inspected.ts")).renderInspected(result),
        );
      }, options),
    );
}

const EXAMPLES = `
Examples:
  base-kit inspect docker-daemon:demo/alpine
  base-kit inspect oci:images:3.20 --arch arm64
  base-kit inspect image.tar --json | jq '.image.packages | length'`;
