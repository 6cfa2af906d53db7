import type { Command } from "commander";

/** Commander's own shows the help of everything when it does not know a command, and does not look for one below another. */
export function addHelp(group: Command): void {
  group
    .command("help")
    .argument("[command...]")
    .summary("display help for a command")
    .description("Displays help for a command, as --help after it does.")
    .action(async (names: readonly string[]) => {
      let found = group;
      for (const name of names) {
        const next = found.commands.find((command) => command.name() === name || command.aliases().includes(name));
        if (next === undefined) return refuse(found, name);
        found = next;
      }
      found.help();
    });
}

/** In the words in which it would be refused without `help`. */
async function refuse(group: Command, name: string): Promise<void> {
  if (group.commands.length === 0) group.error(`error: '${group.name()}' has no command '${name}'`);
  await group.parseAsync([name], { from: "user" });
}
