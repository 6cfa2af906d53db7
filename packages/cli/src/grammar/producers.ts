import type { Command } from "commander";
import type { CommonOptions } from "../session.ts";
import type { Run } from "./answer.ts";
import { common } from "./option-groups.ts";

export function addProducers(program: Command, run: Run): void {
  common(program.command("producers [name]"))
    .summary("list what can be built, and each producer's options")
    .description("Lists the producers, or all options of one of them.")
    .action((name: string | undefined, options: CommonOptions) =>
      run(async () => {
        const { describeProducers, renderProducers } = await import("../commands/producers.ts");
        const value = await describeProducers(name);
        return { value, text: renderProducers(value, name !== undefined) };
      }, options),
    );
}
