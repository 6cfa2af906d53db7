import {
  BaseKitError,
  type Context,
  type Image,
  type ImageReference,
  isBaseKitError,
  type Layer,
  parseReference,
  type Sink,
} from "@base-kit/core";
import { archiveSink, imageForHost, type LayerOptions, layoutSink, requireCompressor } from "@base-kit/oci";
import { directorySink } from "./directory-sink.ts";
import { requireFilePlace, type WrittenPlace, writtenPlaces } from "./file-places.ts";
import { layerTarSink } from "./layer-tar-sink.ts";
import { isPiped, type Output, parseOutput } from "./options/outputs.ts";
import { platformsFromFlag } from "./options/platforms.ts";
import { parseSbomFile, type SbomFile } from "./options/sbom-file.ts";
import { requireOutputPlaces } from "./output-places.ts";
import { pipedSink } from "./piped-sink.ts";
import { requireSbomPlaces } from "./sbom-places.ts";
import { pathWord, shellWord } from "./shell-word.ts";
import { requirePipe, STANDARD_OUTPUT } from "./standard-output.ts";

/** Flags that say what the image is called and where it goes. */
export interface DestinationFlags {
  readonly tag?: readonly string[];
  readonly output?: readonly string[];
  readonly compression?: Layer["compression"];
  readonly compressor?: "node" | "portable";
  readonly layers?: number;
  readonly keepLayers?: boolean;
  readonly importer?: "auto" | "docker-cli" | "engine-api";
  readonly importMode?: "load" | "import";
  readonly dockerHost?: string;
  readonly dockerContext?: string;
  readonly sbom?: readonly string[];
  /** Standard output is for the result. */
  readonly json?: boolean;
}

export interface Destinations {
  readonly list: readonly { readonly sink: Sink; readonly references: readonly ImageReference[] }[];
  /** Whether the layer is kept as it is made; where it is unpacked at once, compressing it would be for nothing. */
  readonly keepsLayer: boolean;
  readonly layer: LayerOptions;
  /** Of this machine; of an image for several platforms, lists of packages have other names. */
  readonly places: readonly WrittenPlace[];
  /** Lists of its packages that are written beside it. */
  readonly sboms: readonly SbomFile[];
  /** Where the image is in a registry, which keeps the lists beside it. */
  readonly pushed: readonly ImageReference[];
  /** What the image is called first of all. */
  readonly name: string;
  /** A command to try the image with. */
  readonly run: string;
  /** Hears of the images when they are made, and when they were checked. */
  readonly onImages?: (images: readonly Image[], checked: Promise<void>) => void;
}

/**
 * Where the image goes, found before any work is done for it: each `-o`; without one an engine; without an engine a file
 * here.
 *
 * @throws BaseKitError `REFERENCE_…`, `OUTPUT_…`, `OPTION_INVALID` (usage), for an output that cannot be where it is wanted as
 *   `requireOutputPlaces`, or what finding an engine that was asked for throws (environment)
 */
export async function findDestinations(
  flags: DestinationFlags & { readonly arch?: string | readonly string[] },
  defaultName: string,
  context: Context,
): Promise<Destinations> {
  const tags = flags.tag ?? [];
  const references = (tags.length === 0 ? [defaultName] : tags).map(parseReference);
  const outputs = (flags.output ?? []).map((value) => parseOutput(value));
  requireCompressor(flags);
  const piped = requirePipeFor(outputs, flags);
  if (flags.keepLayers === true) requireLayersTaken(outputs, flags);
  await requireOutputPlaces(outputs, context);
  const sboms = (flags.sbom ?? []).map(parseSbomFile);
  await requireSbomPlaces(sboms, {
    piped,
    json: flags.json,
    platforms: typeof flags.arch === "object" ? platformsFromFlag(flags.arch) : [],
    outputs,
  });
  const common = {
    layer: layerOptions(flags),
    sboms,
    pushed: outputs.flatMap((output) => (output.transport === "docker" ? [output.reference] : [])),
    name: references[0]?.familiar ?? defaultName,
  };
  const places = writtenPlaces(outputs, sboms);
  if (outputs.length === 0) {
    const { file, ...engine } = await engineOrFile(flags, references, context);
    return { ...engine, ...common, places: file === undefined ? places : [...places, { path: file, as: "file" }] };
  }
  const list = await Promise.all(
    outputs.map(async (output) => ({
      sink: await sinkFor(output, flags, context),
      references: named(output, references),
    })),
  );
  const keepsLayer = outputs.some(({ transport }) => !UNPACKS.includes(transport));
  return {
    list,
    keepsLayer,
    places,
    ...common,
    run: outputs.map((output) => tryCommand(output, references)).find((command) => command !== "") ?? "",
  };
}

/** The output that goes through the pipe, if one does. */
function requirePipeFor(outputs: readonly Output[], flags: DestinationFlags): string | undefined {
  const piped = outputs.filter((output) => "path" in output && output.path === STANDARD_OUTPUT);
  const [first, second] = piped;
  if (first === undefined) return undefined;
  if (second !== undefined) {
    throw new BaseKitError(
      "OPTION_INVALID",
      `-o ${first.transport}:- and -o ${second.transport}:- exclude each other`,
      {
        kind: "usage",
        hint: "There is one standard output; name a file for the others.",
      },
    );
  }
  requirePipe(`-o ${first.transport}:- | …`, flags);
  return `-o ${first.transport}:-`;
}

/** A tar or a directory is what the layers come to, not the layers. */
function requireLayersTaken(outputs: readonly Output[], { importMode }: DestinationFlags): void {
  const other = outputs.find(({ transport }) => transport === "tar" || transport === "rootfs")?.transport;
  if (other === undefined && importMode !== "import") return;
  const what = other === undefined ? "--import-mode import" : `-o ${other}:`;
  throw new BaseKitError("OPTION_INVALID", `--keep-layers and ${what} exclude each other`, {
    kind: "usage",
    hint: "Leave --keep-layers away: the layers become one.",
  });
}

/** What the flags say of the layers, and nothing of what they leave open. */
export function layerOptions({
  compression,
  compressor,
  layers,
  keepLayers,
}: Pick<DestinationFlags, "compression" | "compressor" | "layers" | "keepLayers">): LayerOptions {
  return {
    ...(compression === undefined ? {} : { compression }),
    ...(compressor === undefined ? {} : { compressor }),
    ...(layers === undefined ? {} : { layers }),
    ...(keepLayers === undefined ? {} : { keep: keepLayers }),
  };
}

async function engineOrFile(
  flags: DestinationFlags,
  references: readonly ImageReference[],
  context: Context,
): Promise<Pick<Destinations, "list" | "keepsLayer" | "run"> & { readonly file?: string }> {
  const [first] = references as readonly [ImageReference, ...ImageReference[]];
  try {
    const sink = await findEngineSink(flags, context);
    return { list: [{ sink, references }], keepsLayer: false, run: runCommand(first) };
  } catch (error) {
    const chosen = [
      flags.importer === "auto" ? undefined : flags.importer,
      flags.importMode,
      flags.dockerHost,
      flags.dockerContext,
    ];
    // Only when nobody asked for an engine is a file as good.
    if (!isBaseKitError(error) || error.code !== "ENGINE_NOT_FOUND" || chosen.some((choice) => choice !== undefined))
      throw error;
    const file = `./${first.familiar.replace(/[^A-Za-z0-9._-]+/g, "-")}.tar`;
    context.reporter.emit({ type: "noted", message: `${error.message}; writing ${file} instead` });
    requireFilePlace(file);
    return { list: [{ sink: archiveSink(file), references }], keepsLayer: true, run: `docker load -i ${file}`, file };
  }
}

/** Who takes the layers apart at once. */
const UNPACKS: readonly Output["transport"][] = ["docker-daemon", "tar", "rootfs"];

/** A sink for the engine that the flags name, or the first that answers. */
export async function findEngineSink(
  flags: Pick<DestinationFlags, "importer" | "importMode" | "dockerHost" | "dockerContext">,
  context: Context,
): Promise<Sink> {
  const { engineSink, findEngine } = await import("@base-kit/importer");
  const { importer = "auto", importMode = "load", dockerHost, dockerContext } = flags;
  const engine = await findEngine(
    {
      importer,
      ...(dockerHost === undefined ? {} : { host: dockerHost }),
      ...(dockerContext === undefined ? {} : { context: dockerContext }),
    },
    context,
  );
  return engineSink(engine, { mode: importMode });
}

async function sinkFor(output: Output, flags: DestinationFlags, context: Context): Promise<Sink> {
  if (isPiped(output.transport) && "path" in output && output.path === STANDARD_OUTPUT) {
    return pipedSink(output.transport);
  }
  switch (output.transport) {
    case "docker-daemon":
      return findEngineSink(flags, context);
    case "oci":
      return layoutSink(output.path, output.tag);
    case "tar":
      return layerTarSink(output.path);
    case "rootfs":
      return directorySink(output.path);
    case "docker": {
      const { registrySink } = await import("@base-kit/registry");
      return registrySink(output.reference);
    }
    case "docker-archive":
      return dockerArchiveSink(output.path);
    case "oci-archive":
      return archiveSink(output.path);
  }
}

/** Docker's own archive cannot tell platforms apart. */
function dockerArchiveSink(file: string): Sink {
  const { name, write } = archiveSink(file);
  return { name, write: (images, ...rest) => write([imageForHost(images, `docker-archive:${file}`)], ...rest) };
}

function named(output: Output, references: readonly ImageReference[]): readonly ImageReference[] {
  return "reference" in output && output.reference !== undefined ? [output.reference] : references;
}

function tryCommand(output: Output, references: readonly ImageReference[]): string {
  const [first] = named(output, references);
  switch (output.transport) {
    case "docker-daemon":
    case "docker":
      return first === undefined ? "" : runCommand(first);
    case "oci-archive":
    case "docker-archive":
      return `docker load -i ${pathWord(output.path)}`;
    case "oci":
      return `skopeo inspect ${shellWord(`oci:${output.path}:${output.tag ?? first?.tag}`)}`;
    case "tar":
      return `tar -tvf ${pathWord(output.path)}`;
    case "rootfs":
      return `ls -l ${pathWord(output.path)}`;
  }
}

function runCommand({ familiar }: ImageReference): string {
  return `docker run --rm -it ${familiar.replace(/:latest$/, "")}`;
}
