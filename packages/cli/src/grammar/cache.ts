import type { Command } from "commander";
import type { CacheFlags } from "../commands/cache.ts";
import type { CommonOptions } from "../session.ts";
import type { Run } from "./answer.ts";
import { answers } from "./option-groups.ts";

export function addCache(program: Command, run: Run): void {
  const cacheCommand = program
    .command("cache")
    .summary("list, shrink or find the cache of downloads")
    .description(
      "Downloads and results that are kept for the next build. It may be emptied at any time; that never changes an image.",
    )
    .addHelpText("after", EXAMPLES);
  answers(cacheCommand.command("ls"))
    .summary("list what it holds, last used first")
    .action((options: CacheFlags & CommonOptions) =>
      run(async () => {
        const { listCache, renderListing } = await import("../commands/cache.ts");
        const value = await listCache(options);
        return { value, text: renderListing(value) };
      }, options),
    );
  const prune = cacheCommand
    .command("prune")
    .option("--max-size <size>", "500MB, 10GB, 0 (default: BASE_KIT_CACHE_SIZE, else 10GB)");
  answers(prune)
    .summary("remove what was unused for longest until the rest fits")
    .action((options: CacheFlags & CommonOptions) =>
      run(async () => {
        const { pruneCache, renderPruned } = await import("../commands/cache.ts");
        const value = await pruneCache(options);
        return { value, text: renderPruned(value) };
      }, options),
    );
  answers(cacheCommand.command("dir"))
    .summary("print where it is")
    .action((options: CacheFlags & CommonOptions) =>
      run(async () => {
        const { cacheDirectory } = await import("../commands/cache.ts");
        const value = cacheDirectory(options);
        return { value, text: `${value}\n` };
      }, options),
    );
}

const EXAMPLES = `
Examples:
  base-kit cache ls
  base-kit cache prune --max-size 2GB
  du -sh "$(base-kit cache dir)"`;
