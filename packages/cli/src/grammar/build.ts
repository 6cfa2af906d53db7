import { type Command, Option } from "commander";
import type { BuildFlags } from "../commands/build.ts";
import type { CommonOptions } from "../session.ts";
import { imageText, type Run, session } from "./answer.ts";
import { imageOptions, list, lockOptions, pathOptions, producerOptions, VENDOR } from "./option-groups.ts";

export function addBuild(program: Command, run: Run): void {
  const build = program
    .command("build <producer>")
    .summary("make a base image of a distribution")
    .description(
      "Makes a base image of a distribution: <producer>[:<release>], such as debian:bookworm or alpine:3.20.",
    )
    .option("--arch <architectures>", "amd64,arm64,arm/v7,… (default: this machine's)", list)
    .option("--allow-version-skew", "several architectures: let a package's version differ between them")
    .addOption(
      new Option(
        "--keep-layers",
        "image:… only: keep its layers as they are; an error if a file in them would change",
      ).conflicts(["compression", "compressor", "layers", "pathExclude"]),
    );
  producerOptions(build).option(
    "--keep-failed <directory>",
    "when packages' scripts fail or are stopped, keep the tree and all they printed in this new directory",
  );
  lockOptions(build).option("--vendor <directory>", VENDOR);
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
  base-kit build debian:bookworm -t demo/bookworm
  base-kit build debian:bookworm --slim --include ca-certificates,curl -t demo/curl
  base-kit build debian:trixie --arch amd64,arm64 -o docker://registry.example.com/demo/trixie:1
  base-kit build ubuntu:focal --mirror http://mirror.example.com/ubuntu --keyring ./ubuntu.gpg -t focal
  base-kit build alpine:3.20 -o oci:images:alpine -o docker-archive:alpine.tar
  base-kit build alpine:3.20 -t demo/alpine -o docker-archive:- | ssh host docker load
  base-kit build wolfi --include python-3.12 --lockfile -t demo/wolfi
  base-kit build image:debian:bookworm-slim --env TZ=UTC -t demo/base
  sudo base-kit build debootstrap:bookworm -t demo/bookworm     (the real debootstrap)`;
