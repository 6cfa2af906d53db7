import type { Context } from "@base-kit/core";
import { Command, InvalidArgumentError, Option } from "commander";
import type { AttachFlags } from "./commands/attach.ts";
import type { BuildFlags } from "./commands/build.ts";
import type { CacheFlags } from "./commands/cache.ts";
import type { CopyFlags } from "./commands/copy.ts";
import type { DiffFlags } from "./commands/diff.ts";
import type { ImportFlags } from "./commands/import.ts";
import type { LockCommandFlags } from "./commands/lock.ts";
import type { PackFlags } from "./commands/pack.ts";
import type { ScratchFlags } from "./commands/scratch.ts";
import type { TagsFlags } from "./commands/tags.ts";
import type { VerifyFlags } from "./commands/verify.ts";
import type { SourceFlags } from "./inspect/open-one.ts";
import type { ImageResult } from "./result.ts";
import type { CommonOptions } from "./session.ts";
import { version } from "./version.ts";

/** What a command answers, and how people are shown it; `--json` prints the answer itself. */
export interface Answer {
  readonly value: unknown;
  readonly text: string;
  readonly exitCode?: number;
}

/**
 * The command line's grammar. Nothing but commander is loaded here: each command's code comes in when it runs, so that
 * `--help` answers at once.
 */
export function createProgram(run: (work: () => Promise<Answer>, options: CommonOptions) => Promise<void>): Command {
  const program = new Command("base-kit")
    .description("Makes container base images: what stands behind FROM.")
    .version(version(), "-V, --version")
    .showSuggestionAfterError()
    .showHelpAfterError("(--help shows what there is)")
    .addHelpText("after", EXAMPLES);

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
    .addHelpText("after", BUILD_EXAMPLES)
    .action((spec: string, options: BuildFlags & CommonOptions) =>
      run(async () => {
        const { build: execute } = await import("./commands/build.ts");
        return session(options, (context) => execute(spec, options, context), imageText);
      }, options),
    );

  const lockCommand = program
    .command("lock <producer>")
    .summary("write down the exact inputs of an image")
    .description(
      "Decides the inputs of an image, of which digest and by whose signature, and writes them into base-kit.lock without building anything.",
    )
    .option("--arch <architectures>", "amd64,arm64,… (default: those of the lock, else this machine's)", list)
    .option("--lockfile <file>", "the file to write (default: base-kit.lock)")
    .option("--update", "decide anew, also what the file has already")
    .option("--vendor <directory>", "copy all inputs there; `build --offline --vendor <directory>` needs nothing else")
    .option("--source-date-epoch <seconds>", "time of creation (default: SOURCE_DATE_EPOCH, else the newest input)");
  common(producerOptions(lockCommand))
    .addHelpText("after", LOCK_EXAMPLES)
    .action((spec: string, options: LockCommandFlags & CommonOptions) =>
      run(async () => {
        const { lock } = await import("./commands/lock.ts");
        return session(
          options,
          (context) => lock(spec, options, context),
          async (result) => (await import("./render/lock.ts")).renderLock(result),
        );
      }, options),
    );

  const importCommand = program
    .command("import <source> [name]")
    .summary("make an image of a directory or tar")
    .description(
      "Makes an image of a directory, a tar (plain, gzip, xz, zstd) or - for standard input: what `tar -c . | docker import -` did.",
    )
    .option("--arch <architecture>", "what its programs are for (default: read from them)");
  imageOptions(pathOptions(importCommand))
    .addHelpText("after", IMPORT_EXAMPLES)
    .action((source: string, name: string | undefined, options: ImportFlags & CommonOptions) =>
      run(async () => {
        const { importRootfs } = await import("./commands/import.ts");
        return session(options, (context) => importRootfs(source, name, options, context), imageText);
      }, options),
    );

  const packCommand = program
    .command("pack <directory> <file>")
    .summary("write a directory as a deterministic tar")
    .description(
      "Writes a directory as a tar whose bytes follow from the tree alone; - is standard output, a name in .gz compresses.",
    )
    .option("--source-date-epoch <seconds>", "no file is newer than this");
  common(pathOptions(packCommand))
    .addHelpText("after", PACK_EXAMPLES)
    .action((directory: string, file: string, options: PackFlags & CommonOptions) =>
      run(async () => {
        const { pack } = await import("./commands/pack.ts");
        return session(
          options,
          (context) => pack(directory, file, options, context),
          async (result) =>
            // The tar itself has standard output then.
            result.file === "-" ? "" : `${result.digest}  ${result.file}\n`,
        );
      }, options),
    );

  const scratchCommand = program
    .command("scratch <program...>")
    .summary("make an image FROM scratch around programs")
    .description(
      "Makes an image that holds the given programs and what they need to run: libraries, certificates, accounts, an interpreter. Found by reading, nothing is run.",
    )
    .option("--arch <architecture>", "what the programs have to be for")
    .addOption(new Option("--root <directory>", "programs and libraries are in this directory").conflicts("fromImage"))
    .option("--from-image <image>", "programs and libraries are in this image")
    .option("--with <what>", `take it along: ${FEATURE_NAMES}, or an absolute path (repeatable)`, list)
    .option("--without <what>", "leave it out, though something seems to use it (repeatable)", list)
    .option("--ca-certificates <which>", "system, none, or a PEM file (default: system, when something uses TLS)")
    .addOption(
      new Option("--explain", "tell what would be in the image and why, without making it").conflicts([
        "dockerfile",
        "check",
      ]),
    )
    .option("--check [seconds]", "start it once (this runs the program) and name files it looks for in vain")
    .addOption(
      new Option("--dockerfile <directory>", "write Docker's build context there instead of making an image").conflicts(
        ["output", "annotation", "compression", "compressor", "layers", "importMode", "sbom"],
      ),
    );
  imageOptions(scratchCommand)
    .addHelpText("after", SCRATCH_EXAMPLES)
    .action((programs: readonly string[], options: ScratchFlags & CommonOptions) =>
      run(async () => {
        const { scratch } = await import("./commands/scratch.ts");
        return session(
          options,
          (context) => scratch(programs, options, context),
          async (result) =>
            "additions" in result
              ? (await import("./render/explained.ts")).renderExplained(result)
              : "dir" in result
                ? `context  ${result.dir}\ntry      docker build --tag ${options.tag?.[0] ?? "NAME"} ${result.dir}\n`
                : imageText(result),
        );
      }, options),
    );

  const inspectCommand = program
    .command("inspect <image>")
    .summary("tell what is in an image")
    .description(
      `Tells an image's layers, configuration, packages, largest folders, and what its layers carry for nothing.\n${SOURCES}`,
    )
    .option("--lint", "tell what keeps it from working or had better not be in it; exit code 1 for an error");
  common(sourceOptions(inspectCommand))
    .addHelpText("after", INSPECT_EXAMPLES)
    .action((name: string, options: SourceFlags & CommonOptions & { readonly lint?: boolean }) =>
      run(async () => {
        if (options.lint === true) {
          const { lint, renderLint } = await import("./commands/lint.ts");
          const { withSession } = await import("./session.ts");
          const value = await withSession(options, (context) => lint(name, options, context));
          const isBroken = value.findings.some(({ severity }) => severity === "error");
          return { value, text: renderLint(value), exitCode: isBroken ? 1 : 0 };
        }
        const { inspect } = await import("./commands/inspect.ts");
        return session(
          options,
          (context) => inspect(name, options, context),
          async (result) => (await import("./render/inspected.ts")).renderInspected(result),
        );
      }, options),
    );

  const diffCommand = program
    .command("diff <before> <after>")
    .summary("tell what differs between two images")
    .description(
      `Tells which packages, files and settings differ between two images. Exit code: 0 the same, 1 different, 2 and more failed.\n${SOURCES}`,
    )
    .addOption(
      new Option("--format <format>", "markdown for a comment on a change (default: text)").choices([
        "text",
        "markdown",
      ]),
    );
  common(sourceOptions(diffCommand))
    .addHelpText("after", DIFF_EXAMPLES)
    .action((before: string, after: string, options: DiffFlags & CommonOptions) =>
      run(async () => {
        const { diff } = await import("./commands/diff.ts");
        const { renderDifference, renderMarkdown } = await import("./render/difference.ts");
        const render = options.format === "markdown" ? renderMarkdown : renderDifference;
        const answer = await session(
          options,
          (context) => diff([before, after], options, context),
          async (result) => render(result),
        );
        return { ...answer, exitCode: answer.value.same ? 0 : DIFFERENT };
      }, options),
    );

  const verifyCommand = program
    .command("verify [image]")
    .summary("make a locked image again and compare")
    .description(
      `Makes the image of a lock again, with the settings it records, and compares it with an image, or with the digest in the lock. Exit code: 0 the same, 3 different.\n${SOURCES}`,
    )
    .option("--lockfile <file>", "the lock (default: base-kit.lock)")
    .option("--vendor <directory>", VENDOR);
  common(sourceOptions(verifyCommand))
    .addHelpText("after", VERIFY_EXAMPLES)
    .action((name: string | undefined, options: VerifyFlags & CommonOptions) =>
      run(async () => {
        const { verify } = await import("./commands/verify.ts");
        const answer = await session(
          options,
          (context) => verify(name, options, context),
          async (result) => (await import("./render/verified.ts")).renderVerified(result),
        );
        return { ...answer, exitCode: answer.value.same ? 0 : NOT_VERIFIED };
      }, options),
    );

  const cacheCommand = program
    .command("cache")
    .summary("list, shrink or find the cache of downloads")
    .description(
      "Downloads and results that are kept for the next build. It may be emptied at any time; that never changes an image.",
    )
    .addHelpText("after", CACHE_EXAMPLES);
  answers(cacheCommand.command("ls"))
    .summary("list what it holds, last used first")
    .action((options: CacheFlags & CommonOptions) =>
      run(async () => {
        const { listCache, renderListing } = await import("./commands/cache.ts");
        const value = await listCache(options);
        return { value, text: renderListing(value) };
      }, options),
    );
  answers(cacheCommand.command("prune"))
    .summary("remove what was unused for longest until the rest fits")
    .option("--max-size <size>", "500MB, 10GB, 0 (default: BASE_KIT_CACHE_SIZE, else 10GB)")
    .action((options: CacheFlags & CommonOptions) =>
      run(async () => {
        const { pruneCache, renderPruned } = await import("./commands/cache.ts");
        const value = await pruneCache(options);
        return { value, text: renderPruned(value) };
      }, options),
    );
  answers(cacheCommand.command("dir"))
    .summary("print where it is")
    .action((options: CacheFlags & CommonOptions) =>
      run(async () => {
        const { cacheDirectory } = await import("./commands/cache.ts");
        const value = cacheDirectory(options);
        return { value, text: `${value}\n` };
      }, options),
    );

  const copyCommand = program
    .command("copy <source> <destination>")
    .summary("copy an image between registries, engines, layouts and archives")
    .description(
      "Copies an image as it is, with every digest, between any two places; all architectures unless some are named.",
    )
    .option("--arch <architectures>", "only these: amd64,arm64,…", list);
  common(registryOptions(engineOptions(copyCommand)))
    .addHelpText("after", COPY_EXAMPLES)
    .action((source: string, destination: string, options: CopyFlags & CommonOptions) =>
      run(async () => {
        const { copy, renderCopy } = await import("./commands/copy.ts");
        return session(
          options,
          (context) => copy(source, destination, options, context),
          async (result) => renderCopy(result),
        );
      }, options),
    );

  common(registryOptions(program.command("tags <repository>")))
    .summary("list the tags of a repository in a registry")
    .description("Lists the tags that a registry has under a name.")
    .addHelpText("after", TAGS_EXAMPLES)
    .action((repository: string, options: TagsFlags & CommonOptions) =>
      run(async () => {
        const { tags } = await import("./commands/tags.ts");
        return session(
          options,
          (context) => tags(repository, options, context),
          async (result) => result.tags.map((tag) => `${tag}\n`).join(""),
        );
      }, options),
    );

  const attachCommand = program
    .command("attach <image> <file>")
    .summary("put an SBOM or another document beside an image in a registry")
    .description("Puts a document beside an image in its registry, where tools find it by the image's digest.")
    .option("--type <media type>", "what the document is (default: told by SPDX and CycloneDX themselves)");
  common(registryOptions(attachCommand))
    .addHelpText("after", ATTACH_EXAMPLES)
    .action((image: string, file: string, options: AttachFlags & CommonOptions) =>
      run(async () => {
        const { attach, renderAttach } = await import("./commands/attach.ts");
        return session(
          options,
          (context) => attach(image, file, options, context),
          async (result) => renderAttach(result),
        );
      }, options),
    );

  common(program.command("producers [name]"))
    .summary("list what can be built, and each producer's options")
    .description("Lists the producers, or all that one of them takes.")
    .action((name: string | undefined, options: CommonOptions) =>
      run(async () => {
        const { describeProducers, renderProducers } = await import("./commands/producers.ts");
        const value = await describeProducers(name);
        return { value, text: renderProducers(value, name !== undefined) };
      }, options),
    );

  common(program.command("doctor"))
    .summary("tell what this machine has for base-kit")
    .description("Tells which engines and tools were found, their versions, and what each missing one would enable.")
    .action((options: CommonOptions) =>
      run(async () => {
        const { doctor, renderDoctor } = await import("./commands/doctor.ts");
        return session(options, doctor, async (result) => renderDoctor(result));
      }, options),
    );
  return program;
}

/** As diff(1) has it. */
const DIFFERENT = 1;
/** As for every verification that fails. */
const NOT_VERIFIED = 3;

async function session<T>(
  options: CommonOptions,
  work: (context: Context) => Promise<T>,
  render: (value: T) => Promise<string>,
): Promise<Answer & { readonly value: T }> {
  const { withSession } = await import("./session.ts");
  const value = await withSession(options, work);
  return { value, text: await render(value) };
}

async function imageText(result: ImageResult): Promise<string> {
  const { renderImageResult } = await import("./result.ts");
  return renderImageResult(result);
}

/** What a producer is told; which of these it takes is its own business. */
function producerOptions(command: Command): Command {
  return command
    .option("--variant <name>", "Debian, Ubuntu: minbase, essential, apt, buildd, important, standard, custom")
    .option("--include <packages>", "packages to add, separated by commas", list)
    .option("--exclude <packages>", "packages to leave out, separated by commas", list)
    .option("--components <names>", "archive components, separated by commas", list)
    .option("--slim", "without documentation, manual pages and translations")
    .option("--mirror <url>", "http(s) URL, file: URL or directory of a mirror")
    .option("--keyring <file>", "the keys that must have signed the archive")
    .option(
      "--repository <line>",
      "one more archive: 'deb [signed-by=FILE] URL SUITE COMPONENT…' (repeatable)",
      collect,
    )
    .option("--snapshot <time>", "the archive as it was: 2026-07-11 or 20260711T101637Z")
    .option("--compat <program>", "debootstrap: exactly the packages that program takes")
    .option("--configure <where>", "where packages' scripts run: auto, userns, chroot, container or none")
    .option(
      "--tweaks <names>",
      "changes that make a distribution a good base image: default, none, or names separated by commas",
      tweaks,
    );
}

const VENDOR = "take inputs from the copies that `lock --vendor` has made there; it is only read";

function lockOptions(command: Command): Command {
  return command
    .option(
      "--lockfile [file]",
      "use the inputs of this lock, and write it when it is missing (default: base-kit.lock)",
    )
    .option("--frozen-lockfile", "use the inputs of the lock, or fail when it does not answer exactly this request")
    .option("--vendor <directory>", VENDOR);
}

function pathOptions(command: Command): Command {
  return command
    .option(
      "--path-exclude <pattern>",
      "leave out paths, as dpkg's path-exclude: '/usr/share/man/*' (repeatable)",
      collect,
    )
    .option("--path-include <pattern>", "but keep these (repeatable)", collect);
}

function imageOptions(command: Command): Command {
  command
    .option("-t, --tag <name>", "name and tag of the image (repeatable)", collect)
    .option(
      "-o, --output <transport:…>",
      "docker://NAME, docker-daemon:NAME, oci:DIRECTORY[:TAG], oci-archive:FILE, docker-archive:FILE, tar:FILE[.gz|.zst], rootfs:DIRECTORY (repeatable; default: the engine, else a file)",
      collect,
    )
    .addOption(
      new Option(
        "--compression <kind>",
        "of the layer (default: none for an engine or a plain tar, else gzip)",
      ).choices(["none", "gzip", "zstd"]),
    )
    .addOption(
      new Option(
        "--compressor <which>",
        "node: fast; portable: the same bytes with every Node (default: node)",
      ).choices(["node", "portable"]),
    )
    .option("--layers <number>", "how many layers there may be: large packages get their own (default: 1)", layerCount)
    .option("--sbom <file>", "list of its packages: NAME.spdx.json or NAME.cdx.json (repeatable)", collect)
    .option("-e, --env <NAME=VALUE>", "environment variable (repeatable)", collect)
    .option("--cmd <words>", "what runs by default: words, or a JSON array")
    .option("--entrypoint <words>", "what always runs: words, or a JSON array")
    .option("-u, --user <user>", "who runs it: user, uid, user:group or uid:gid")
    .option("-w, --workdir <directory>", "where it runs")
    .option("--expose <port>", "port it listens on: 80, 53/udp (repeatable)", collect)
    .option("-v, --volume <path>", "path that is a volume (repeatable)", collect)
    .option("-l, --label <KEY=VALUE>", "label (repeatable)", collect)
    .option("--annotation <KEY=VALUE>", "annotation of the manifest (repeatable)", collect)
    .option("--stop-signal <signal>", "signal that stops it: SIGTERM, SIGINT, …")
    .option(
      "--source-date-epoch <seconds>",
      "time of creation; no file is newer (default: SOURCE_DATE_EPOCH, else the newest input)",
    )
    .addOption(
      new Option(
        "--import-mode <mode>",
        "load is checked by the engine; import is Docker's old way (default: load)",
      ).choices(["load", "import"]),
    );
  return common(registryOptions(engineOptions(command)));
}

function registryOptions(command: Command): Command {
  return command.option(
    "--insecure-registry <host>",
    "registry that may be spoken to without TLS, with its port; one on this machine always may (repeatable)",
    collect,
  );
}

function sourceOptions(command: Command): Command {
  return engineOptions(
    command.option("--arch <architecture>", "which image of several (default: this machine's, else the first)"),
  );
}

function engineOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--importer <which>", "how the engine is spoken to (default: auto)").choices([
        "auto",
        "docker-cli",
        "engine-api",
      ]),
    )
    .option(
      "--docker-host <url>",
      "the engine: unix:///…, tcp://…, ssh://… (default: DOCKER_HOST, the docker context, known sockets)",
    )
    .option("--docker-context <name>", "the engine of this docker context");
}

function common(command: Command): Command {
  return answers(
    command
      .addOption(
        new Option("--progress <how>", "auto, plain or json, on standard error")
          .choices(["auto", "plain", "json"])
          .default("auto"),
      )
      .option("--offline", "nothing over the network: only what is in the cache or on this machine"),
  );
}

/** What every command has, also one that does no work. */
function answers(command: Command): Command {
  return command
    .option("-q, --quiet", "no output but errors")
    .option("--json", "print the result as one JSON object")
    .option("--cache-dir <directory>", "where downloads are kept (default: $XDG_CACHE_HOME/base-kit)");
}

function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

function list(value: string, before: readonly string[] | undefined): readonly string[] {
  const items = value.split(",").map((item) => item.trim());
  if (items.some((item) => item === "")) throw new InvalidArgumentError("expected names separated by single commas");
  return [...(before ?? []), ...items];
}

/** An engine stops at 127. */
function layerCount(value: string): number {
  const count = Number(value);
  if (!/^\d{1,3}$/.test(value) || count < 1 || count > 127) {
    throw new InvalidArgumentError("expected a number from 1 to 127");
  }
  return count;
}

function tweaks(value: string): "default" | "none" | readonly string[] {
  return value === "default" || value === "none" ? value : list(value, undefined);
}

const FEATURE_NAMES = "ca-certificates, nss, accounts, tmp, tzdata, terminfo, gconv, openssl, locale, ld.so.cache";

const EXAMPLES = `
Examples:
  base-kit build alpine:3.20 -t demo/alpine
  base-kit build debootstrap:bookworm -t demo/bookworm
  base-kit import ./rootfs demo/mine
  base-kit scratch ./hello -t hello
  base-kit doctor`;

const BUILD_EXAMPLES = `
Examples:
  base-kit build alpine:3.20 -t demo/alpine
  base-kit build alpine:3.20 --arch arm64 -o oci:images:alpine-arm64
  base-kit build debootstrap:bookworm -t demo/bookworm --slim
  base-kit build debootstrap:bookworm --include ca-certificates,curl -t demo/curl
  base-kit build debootstrap:focal --mirror http://mirror.example.com/ubuntu --keyring ./ubuntu.gpg -t focal
  base-kit build image:debian:bookworm-slim --env TZ=UTC -t demo/base
  base-kit build debootstrap:trixie -o docker-archive:trixie.tar -o oci:images:trixie

\`base-kit producers debootstrap\` lists what a producer takes.`;

const LOCK_EXAMPLES = `
Examples:
  base-kit lock alpine:3.20 && base-kit build alpine:3.20 --frozen-lockfile -t demo/alpine
  base-kit lock alpine:3.20 --arch amd64,arm64
  base-kit lock alpine:3.20 --update
  base-kit lock alpine:3.20 --vendor ./inputs && base-kit build alpine:3.20 --offline --vendor ./inputs -t demo/alpine`;

const SOURCES =
  "An image is docker://NAME, docker-daemon:NAME, oci:DIRECTORY[:TAG], oci-archive:FILE, docker-archive:FILE, or a file, directory or name alone.";

const INSPECT_EXAMPLES = `
Examples:
  base-kit inspect docker-daemon:demo/alpine
  base-kit inspect oci:images:3.20 --arch arm64
  base-kit inspect image.tar --json | jq '.image.packages | length'`;

const DIFF_EXAMPLES = `
Examples:
  base-kit diff oci:images:old oci:images:new
  base-kit diff docker-daemon:demo/alpine image.tar --format markdown > comment.md
  base-kit diff old.tar new.tar --quiet && echo the same`;

const VERIFY_EXAMPLES = `
Examples:
  base-kit build alpine:3.20 --lockfile -o oci:images:3.20 && base-kit verify
  base-kit verify docker-daemon:demo/alpine
  base-kit verify oci:images:3.20 --lockfile alpine.lock`;

const CACHE_EXAMPLES = `
Examples:
  base-kit cache ls
  base-kit cache prune --max-size 2GB
  du -sh "$(base-kit cache dir)"`;

const COPY_EXAMPLES = `
Examples:
  base-kit copy debian:bookworm-slim oci:images:bookworm
  base-kit copy docker://alpine:3.20 docker://registry.example.com/mirror/alpine:3.20
  base-kit copy oci:images:bookworm docker-daemon:demo/bookworm
  base-kit copy image.tar docker://127.0.0.1:5000/demo/image --arch amd64,arm64

A source or destination is docker://NAME, docker-daemon:NAME, oci:DIRECTORY[:TAG], oci-archive:FILE or docker-archive:FILE;
a source may be a file, directory or image name alone. Logins are those of docker and podman.`;

const ATTACH_EXAMPLES = `
Examples:
  base-kit attach registry.example.com/demo/image:1 sbom.spdx.json
  base-kit attach registry.example.com/demo/image@sha256:… notes.txt --type text/plain`;

const TAGS_EXAMPLES = `
Examples:
  base-kit tags alpine
  base-kit tags registry.example.com/demo/image --json`;

const IMPORT_EXAMPLES = `
Examples:
  base-kit import ./rootfs demo/mine
  base-kit import rootfs.tar.xz demo/mine --cmd /sbin/init
  base-kit import / demo/this-machine        (without /proc, /sys, /dev, /run, /tmp, other mounts and the engine's storage)
  debootstrap bookworm root && base-kit import root demo/bookworm
  base-kit import ./rootfs -o oci-archive:mine.tar --path-exclude '/usr/share/man/*'`;

const PACK_EXAMPLES = `
Examples:
  base-kit pack ./rootfs rootfs.tar
  base-kit pack ./rootfs rootfs.tar.gz --source-date-epoch 1700000000
  base-kit pack ./rootfs - | docker import - demo/mine`;

const SCRATCH_EXAMPLES = `
Examples:
  base-kit scratch ./hello -t hello && docker run --rm hello
  base-kit scratch /usr/bin/curl --explain
  base-kit scratch /usr/bin/curl --ca-certificates ./company-ca.pem -t curl
  base-kit scratch app.js -t app                      (brings Node.js)
  base-kit scratch --from-image debian:stable /usr/bin/psql -t psql
  base-kit scratch ./server --expose 8080 --user nonroot --check -t server
  base-kit scratch ./hello --dockerfile ./context && docker build --tag hello ./context`;
