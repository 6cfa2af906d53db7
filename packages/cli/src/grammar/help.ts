import type { Command } from "commander";

/**
 * Commander's own shows the help of everything when it does not know a command, and does not look for one below another. With --help
 * neither it nor the command would be told.
 */
export function addHelp(group: Command): void {
  group.on("beforeHelp", () => {
    const [name] = group.args;
    if (name !== undefined && !name.startsWith("-") && find(group, name) === undefined) refuse(group, name);
  });
  group
    .command("help")
    .argument("[command...]")
    .summary("display help for a command")
    .description("Displays help for a command, as --help after it does.")
    .action((names: readonly string[]) => {
      let found = group;
      for (const name of names) {
        const next = find(found, name);
        if (next === undefined) return refuse(found, name);
        found = next;
      }
      found.help();
    });
}

/** In the words in which it would be refused without `help`. */
function refuse(group: Command, name: string): void {
  if (group.commands.length === 0) group.error(`error: '${group.name()}' has no command '${name}'`);
  group.parse([name], { from: "user" });
}

function find({ commands }: Command, name: string): Command | undefined {
  return commands.find((command) => command.name() === name || command.aliases().includes(name));
}
