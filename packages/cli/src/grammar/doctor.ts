import type { Command } from "commander";
import type { CommonOptions } from "../session.ts";
import { type Run, session } from "./answer.ts";
import { common } from "./option-groups.ts";

export function addDoctor(program: Command, run: Run): void {
  common(program.command("doctor"))
    .summary("show what this machine has for base-kit")
    .description("Shows which engines and tools were found, their versions, and what each missing one would enable.")
    .action((options: CommonOptions) =>
      run(async () => {
        const { doctor, renderDoctor } = await import("../commands/doctor.ts");
        return session(options, doctor, async (result) => renderDoctor(result));
      }, options),
    );
}
