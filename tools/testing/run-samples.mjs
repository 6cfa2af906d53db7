// Runs samples one after the other in this process, each in a folder of its own, and sends back what became of them.
import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** `samples`: name and file; `fixtures`: what each finds in its folder; `folder`: where these are made. */
process.once("message", async ({ samples, fixtures, folder }) => {
  for (const { name, file } of samples) {
    const cwd = join(folder, name);
    mkdirSync(cwd);
    cpSync(fixtures, cwd, { recursive: true, preserveTimestamps: true });
    process.chdir(cwd);
    const printed = capture();
    try {
      await import(pathToFileURL(file).href);
      process.send({ name, output: printed.stop() });
    } catch (error) {
      process.send({ name, output: printed.stop(), error: error?.stack ?? String(error) });
    }
  }
  process.disconnect();
});

/** What a sample prints belongs to it, not to the test's output. */
function capture() {
  const write = process.stdout.write;
  let output = "";
  process.stdout.write = (chunk) => {
    output += chunk;
    return true;
  };
  return {
    stop: () => {
      process.stdout.write = write;
      return output;
    },
  };
}
