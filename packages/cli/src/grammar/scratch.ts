import { type Command, Option } from "commander";
import type { ScratchFlags } from "../commands/scratch.ts";
import type { CommonOptions } from "../session.ts";
import { imageText, type Run, session } from "./answer.ts";
import { collect, imageOptions, list, lockOptions, pathOptions } from "./option-groups.ts";

export function addScratch(program: Command, run: Run): void {
  const scratchCommand = program
    .command("scratch <program...>")
    .summary("make an image FROM scratch around programs")
    .description(
      "Makes an image that holds the given programs and what they need to run: libraries, certificates, accounts, an interpreter. They are found by reading; nothing is run.",
    )
    .option("--arch <architecture>", "the architecture that the programs must be for")
    .addOption(
      new Option("--root <directory>", "take programs and libraries from this directory").conflicts("fromImage"),
    )
    .option("--from-image <image>", "take programs and libraries from this image")
    .option("--with <what>", `take it along: ${FEATURE_NAMES}, or an absolute path (repeatable)`, namesOrPath)
    .option("--without <what>", "leave it out, though something seems to use it (repeatable)", list)
    .option("--ca-certificates <which>", "system, none, or a PEM file (default: system, when something uses TLS)")
    .addOption(
      new Option("--explain", "show what would be in the image and why, without making it").conflicts([
        "dockerfile",
        "check",
        "output",
        "sbom",
        "lockfile",
        "frozenLockfile",
        "pathExclude",
      ]),
    )
    .option("--check [seconds]", "run the program once and name files that it looks for in vain (default: 5 seconds)")
    .addOption(
      new Option(
        "--dockerfile <directory>",
        "write a build context for `docker build` there instead of making an image",
      ).conflicts([
        "output",
        "annotation",
        "compression",
        "compressor",
        "layers",
        "importMode",
        "sbom",
        "lockfile",
        "frozenLockfile",
        "pathExclude",
      ]),
    );
  imageOptions(pathOptions(lockOptions(scratchCommand)))
    .addHelpText("after", EXAMPLES)
    .action((programs: readonly string[], options: ScratchFlags & CommonOptions) =>
      run(async () => {
        const { scratch } = await import("../commands/scratch.ts");
        return session(
          options,
          (context) => scratch(programs, options, context),
          async (result) =>
            "additions" in result
              ? (await import("../render/explained.ts")).renderExplained(result)
              : "dir" in result
                ? (await import("../render/context.ts")).renderContext(result, options.tag?.[0])
                : imageText(result),
        );
      }, options),
    );
}

/** A path is taken as it is: it may have a comma in it. */
function namesOrPath(value: string, before: readonly string[] | undefined): readonly string[] {
  return value.startsWith("/") ? collect(value, before) : list(value, before);
}

const FEATURE_NAMES = "ca-certificates, nss, accounts, tmp, tzdata, terminfo, gconv, openssl, locale, ld.so.cache";

const EXAMPLES = `
Examples:
  base-kit scratch ./hello -t hello && docker run --rm hello
  base-kit scratch /usr/bin/curl --explain
  base-kit scratch /usr/bin/curl --ca-certificates ./company-ca.pem -t curl
  base-kit scratch app.js -t app                      (brings Node.js)
  base-kit scratch --from-image debian:stable /usr/bin/psql -t psql
  base-kit scratch ./server --expose 8080 --user nonroot --check -t server
  base-kit scratch ./hello --dockerfile ./context && docker build --tag hello ./context`;
