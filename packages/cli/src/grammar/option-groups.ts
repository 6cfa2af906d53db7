import { type Command, InvalidArgumentError, Option } from "commander";

// Headings of --help. What is added to a command after one of these stands below it.
const PLACES = "Engines and registries:";
const GENERAL = "General options:";

/** What a producer is told; which of these it takes is its own business. */
export function producerOptions(command: Command): Command {
  return command
    .optionsGroup("What goes in (`base-kit producers NAME` lists what that producer takes):")
    .option(
      "--variant <name>",
      "Debian, Ubuntu: minbase, essential, apt, buildd, important, standard, custom; Alpine: minirootfs, packages",
    )
    .option("--include <packages>", "packages to add, separated by commas", list)
    .option("--exclude <packages>", "packages to leave out, separated by commas", list)
    .option("--components <names>", "archive components, separated by commas", list)
    .option("--slim", "without documentation, manual pages and translations")
    .option("--mirror <url>", "http(s) URL, file: URL or directory of a mirror")
    .option("--keyring <file>", "the keys that must have signed the archive")
    .option(
      "--repository <line>",
      "one more archive: 'deb [signed-by=FILE] URL SUITE COMPONENT…', for Alpine '[@TAG] URL' (repeatable)",
      collect,
    )
    .option("--snapshot <time>", "the archive as it was: 2026-07-11 or 20260711T101637Z")
    .option("--compat <program>", "debootstrap: exactly the packages that debootstrap takes")
    .option("--configure <where>", "where packages' scripts run: auto, userns, chroot, container or none")
    .option(
      "--tweaks <names>",
      "changes that make a distribution a good base image: default, none, or names separated by commas",
      list,
    );
}

export const VENDOR = "take inputs from the copies that `lock --vendor` made there; nothing is written to it";

export function lockOptions(command: Command): Command {
  return command
    .optionsGroup("The same inputs again:")
    .option("--lockfile [file]", "take the inputs from this lock; write it if there is none (default: base-kit.lock)")
    .option(
      "--frozen-lockfile",
      "take the inputs from the lock; fail if there is none, or if it is of another request",
    );
}

export function pathOptions(command: Command): Command {
  return command
    .optionsGroup("Paths:")
    .option(
      "--path-exclude <pattern>",
      "leave out paths, as dpkg's path-exclude: '/usr/share/man/*' (repeatable)",
      collect,
    )
    .option("--path-include <pattern>", "but keep these (repeatable)", collect);
}

export function imageOptions(command: Command): Command {
  command
    .optionsGroup("Where the image goes:")
    .option("-t, --tag <name>", "name and tag of the image (repeatable)", collect)
    .option(
      "-o, --output <transport:…>",
      "docker://NAME, docker-daemon:NAME, oci:DIRECTORY[:TAG], oci-archive:FILE, docker-archive:FILE, tar:FILE[.gz|.zst], rootfs:DIRECTORY (FILE - is standard output; repeatable; default: the engine, else a file)",
      collect,
    )
    .option(
      "--sbom <file>",
      "write a list of its packages: NAME.spdx.json, NAME.cdx.json, spdx-json=FILE or cyclonedx-json=FILE; - is standard output, in SPDX (repeatable)",
      collect,
    )
    .addOption(
      new Option(
        "--import-mode <mode>",
        "load keeps the image's id; import is `docker import`, a new id each time (default: load)",
      ).choices(["load", "import"]),
    )
    .optionsGroup("How its containers start:")
    .option("-e, --env <NAME=VALUE>", "environment variable (repeatable)", collect)
    .option("--cmd <words>", "what runs by default: words, or a JSON array")
    .option("--entrypoint <words>", "what always runs: words, or a JSON array")
    .option("-u, --user <user>", "who runs it: user, uid, user:group or uid:gid")
    .option("-w, --workdir <directory>", "where it runs")
    .option("--expose <port>", "port it listens on: 80, 53/udp (repeatable)", collect)
    .option("-v, --volume <path>", "path that is a volume (repeatable)", collect)
    .option("--stop-signal <signal>", "signal that stops it: SIGTERM, SIGINT, …")
    .optionsGroup("How the image is written:")
    .option("-l, --label <KEY=VALUE>", "label (repeatable)", collect)
    .option("--annotation <KEY=VALUE>", "annotation of the manifest (repeatable)", collect)
    .option(
      "--source-date-epoch <seconds>",
      "time of creation; no file is newer (default: SOURCE_DATE_EPOCH, else the newest input)",
    )
    .addOption(
      new Option(
        "--compression <kind>",
        "of the layers (default: none for an engine or a plain tar, else gzip)",
      ).choices(["none", "gzip", "zstd"]),
    )
    .addOption(
      new Option(
        "--compressor <which>",
        "node: fast; portable: the same bytes with every Node (default: node)",
      ).choices(["node", "portable"]),
    )
    .option("--layers <number>", "at most so many layers: large packages get their own (default: 1)", layerCount);
  return common(registryOptions(engineOptions(command)));
}

export function registryOptions(command: Command): Command {
  return command
    .optionsGroup(PLACES)
    .option(
      "--insecure-registry <host>",
      "HOST:PORT of a registry that may be used without TLS; one on this machine always may (repeatable)",
      collect,
    );
}

export function sourceOptions(command: Command): Command {
  const arch = command.option(
    "--arch <architecture>",
    "which image of several (default: this machine's, else the first)",
  );
  return registryOptions(engineOptions(arch));
}

export function engineOptions(command: Command): Command {
  return command
    .optionsGroup(PLACES)
    .addOption(
      new Option("--importer <which>", "how to talk to the engine (default: auto)").choices([
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

export function common(command: Command): Command {
  return answers(
    command
      .optionsGroup(GENERAL)
      .addOption(
        new Option("--progress <how>", "auto, plain or json, on standard error")
          .choices(["auto", "plain", "json"])
          .default("auto"),
      )
      .option("--offline", "use no network: only what is in the cache or on this machine"),
  );
}

/** What every command has, also one that does no work. */
export function answers(command: Command): Command {
  return command
    .optionsGroup(GENERAL)
    .option("-q, --quiet", "print nothing but errors")
    .option("--json", "print the result as one JSON object")
    .option("--cache-dir <directory>", "where downloads are kept (default: $XDG_CACHE_HOME/base-kit)")
    .helpOption("-h, --help", "display help for command");
}

export function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

export function list(value: string, before: readonly string[] | undefined): readonly string[] {
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

export const SOURCES =
  "An image is docker://NAME, docker-daemon:NAME, oci:DIRECTORY[:TAG], oci-archive:FILE, docker-archive:FILE, or a file, directory or name alone.";
