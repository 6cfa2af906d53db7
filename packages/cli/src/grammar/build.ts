import { type Command, Option } from "commander";
import type { BuildFlags } from "../commands/build.ts";
import type { CommonOptions } from "../session.ts";
import { imageText, type Run, session } from "./answer.ts";
import { imageOptions, list, lockOptions, pathOptions, producerOptions } from "./option-groups.ts";

export function addBuild(program: Command, run: Run): void {
  const build = program
    .command("build <producer>")
    .summary("make a base image of a distribution")
    .description(
      "Makes a base image of a distribution: <producer>[:<release>], such as debian:bookworm or alpine:3.20.",
    )
    .option("--arch <architectures>", "amd64,arm64,arm/v7,… (default: this machine's)", list)
    .option("--allow-version-skew", "several architectures: a package may have another version on each")
    .addOption(
      new Option("--keep-layers", "image:…: take its layers over as they are, where nothing in them changes").conflicts(
        ["compression", "compressor", "layers", "pathExclude"],
      ),
    );
  lockOptions(producerOptions(build));
  imageOptions(pathOptions(build))
    .addHelpText("after", EXAMPLES)
    .action((spec: string, options: BuildFlags & CommonOptions) =>
      run(async () => {
        const { build: execute } = await import("../commands/build.ts");
        return session(options, (context) => execute(spec, options, context), imageText);
      }, options),
    );
}

const EXAMPLES = `
Examples:
  base-kit build alpine:3.20 -t demo/alpine
  base-kit build alpine:3.20 --arch arm64 -o oci:images:alpine-arm64
  base-kit build debootstrap:bookworm -t demo/bookworm --slim
  base-kit build debootstrap:bookworm --include ca-certificates,curl -t demo/curl
  base-kit build debootstrap:focal --mirror http://mirror.example.com/ubuntu --keyring ./ubuntu.gpg -t focal
  base-kit build image:debian:bookworm-slim --env TZ=UTC -t demo/base
  base-kit build debootstrap:trixie -o docker-archive:trixie.tar -o oci:images:trixie

\`base-kit producers debootstrap\` lists what a producer takes.`;
