import {
  asCount,
  asDigest,
  asList,
  asRecord,
  asText,
  asTextRecord,
  asTexts,
  type Digest,
  type Healthcheck,
  type HistoryEntry,
  type JsonPart,
  malformed,
  member,
  type Platform,
  parseJson,
  parsePlatform,
  type RuntimeConfig,
  required,
} from "@base-kit/core";

/** OCI content descriptor, as far as anything here depends on it. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly platform?: DescribedPlatform;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly artifactType?: string;
}

/** What an index says its manifest runs on; it may be something base-kit does not know. */
export interface DescribedPlatform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

export interface ManifestDocument {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface ConfigDocument {
  readonly platform: DescribedPlatform;
  readonly diffIds: readonly Digest[];
  readonly runtime: RuntimeConfig;
  /** RFC 3339, as it is written there. */
  readonly created?: string;
  readonly history: readonly HistoryEntry[];
}

/** Docker stops at 127 layers; nobody has a thousand platforms. */
const LAYERS_AT_MOST = 1000;
const MANIFESTS_AT_MOST = 1000;
const HISTORY_AT_MOST = 10_000;

/**
 * The manifests an image index lists.
 *
 * @throws BaseKitError `DOCUMENT_INVALID` (unsupported), as all of these
 */
export function parseIndex(bytes: Uint8Array, what: string): readonly Descriptor[] {
  const index = document(bytes, what);
  assertOneMeaning(index, ["manifests", "mediaType", "schemaVersion"], ["config", "layers"]);
  return asList(required(index, "manifests"), MANIFESTS_AT_MOST).map(descriptor);
}

export function parseManifest(bytes: Uint8Array, what: string): ManifestDocument {
  const manifest = document(bytes, what);
  assertOneMeaning(manifest, ["config", "layers", "mediaType", "schemaVersion", "subject"], ["manifests"]);
  return {
    config: descriptor(required(manifest, "config")),
    layers: asList(required(manifest, "layers"), LAYERS_AT_MOST).map(descriptor),
    ...optional("subject", member(manifest, "subject"), descriptor),
    ...optional("artifactType", member(manifest, "artifactType"), asText),
    ...optional("annotations", member(manifest, "annotations"), asTextRecord),
  };
}

/** @throws BaseKitError `DOCUMENT_INVALID` (unsupported) */
export function parseConfig(bytes: Uint8Array, what: string): ConfigDocument {
  const config = parseJson(bytes, what);
  const rootfs = required(config, "rootfs");
  return {
    platform: describedPlatform(config),
    diffIds: asList(required(rootfs, "diff_ids"), LAYERS_AT_MOST).map(asDigest),
    runtime: runtime(member(config, "config")),
    ...optional("created", member(config, "created"), asText),
    history: historyOf(config),
  };
}

/** The platform in our words; undefined for another operating system or an unknown machine. */
export function knownPlatform({ os, architecture, variant }: DescribedPlatform): Platform | undefined {
  if (os !== "linux") return undefined;
  try {
    return parsePlatform(variant === undefined || variant === "" ? architecture : `${architecture}/${variant}`);
  } catch {
    return undefined;
  }
}

function document(bytes: Uint8Array, what: string): JsonPart {
  const part = parseJson(bytes, what);
  const version = required(part, "schemaVersion");
  if (version.value !== 2) throw malformed(version, "2 (Docker's schema 1 is not supported)");
  return part;
}

/**
 * A document that is an index for one program and a manifest for another (CVE-2021-41190), or whose members differ in case
 * only, which Go does not tell apart, is refused.
 */
function assertOneMeaning(part: JsonPart, known: readonly string[], foreign: readonly string[]): void {
  for (const name of Object.keys(asRecord(part))) {
    const lower = name.toLowerCase();
    if (foreign.includes(lower)) throw malformed({ what: part.what, value: name }, "an index or a manifest, not both");
    const same = known.find((each) => each.toLowerCase() === lower && each !== name);
    if (same !== undefined) throw malformed({ what: part.what, value: name }, `the name ${same}`);
  }
}

export function descriptor(part: JsonPart): Descriptor {
  return {
    mediaType: asText(required(part, "mediaType")),
    digest: asDigest(required(part, "digest")),
    size: asCount(required(part, "size")),
    ...optional("platform", member(part, "platform"), describedPlatform),
    ...optional("annotations", member(part, "annotations"), asTextRecord),
    ...optional("artifactType", member(part, "artifactType"), asText),
  };
}

function describedPlatform(part: JsonPart): DescribedPlatform {
  return {
    os: text(part, "os"),
    architecture: text(part, "architecture"),
    ...optional("variant", member(part, "variant"), asText),
  };
}

/** A config without a platform is an artifact's. */
function text(part: JsonPart, name: string): string {
  const found = member(part, name);
  return found === undefined ? "" : asText(found);
}

function runtime(config: JsonPart | undefined): RuntimeConfig {
  if (config === undefined) return {};
  const setting = <T>(name: string, field: string, read: (part: JsonPart) => T, empty?: (value: T) => boolean) => {
    const part = member(config, field);
    const value = part && read(part);
    return value === undefined || empty?.(value) === true ? {} : { [name]: value };
  };
  const keys = (part: JsonPart) => Object.keys(asRecord(part));
  const isEmpty = (value: { readonly length: number }) => value.length === 0;
  return {
    ...setting("env", "Env", (part) => Object.fromEntries(asTexts(part).map(assignment))),
    ...setting("cmd", "Cmd", (part) => asTexts(part)),
    ...setting("entrypoint", "Entrypoint", (part) => asTexts(part)),
    ...setting("user", "User", asText, isEmpty),
    ...setting("workdir", "WorkingDir", asText, isEmpty),
    ...setting("expose", "ExposedPorts", keys, isEmpty),
    ...setting("volumes", "Volumes", keys, isEmpty),
    ...setting("labels", "Labels", asTextRecord),
    ...setting("stopSignal", "StopSignal", asText, isEmpty),
    ...setting("healthcheck", "Healthcheck", healthcheck),
    ...setting("shell", "Shell", (part) => asTexts(part), isEmpty),
    ...setting("onBuild", "OnBuild", (part) => asTexts(part), isEmpty),
  };
}

function healthcheck(part: JsonPart): Healthcheck {
  return {
    ...optional("test", member(part, "Test"), (test) => asTexts(test)),
    ...optional("interval", member(part, "Interval"), asCount),
    ...optional("timeout", member(part, "Timeout"), asCount),
    ...optional("startPeriod", member(part, "StartPeriod"), asCount),
    ...optional("startInterval", member(part, "StartInterval"), asCount),
    ...optional("retries", member(part, "Retries"), asCount),
  };
}

function historyOf(config: JsonPart): readonly HistoryEntry[] {
  const history = member(config, "history");
  if (history === undefined) return [];
  return asList(history, HISTORY_AT_MOST).map((step) => ({
    ...optional("created", member(step, "created"), asText),
    ...optional("createdBy", member(step, "created_by"), asText),
    ...optional("author", member(step, "author"), asText),
    ...optional("comment", member(step, "comment"), asText),
    ...(member(step, "empty_layer")?.value === true ? { emptyLayer: true } : {}),
  }));
}

function assignment(pair: string): readonly [string, string] {
  const equals = pair.indexOf("=");
  return equals < 0 ? [pair, ""] : [pair.slice(0, equals), pair.slice(equals + 1)];
}

function optional<Name extends string, T>(
  name: Name,
  part: JsonPart | undefined,
  read: (part: JsonPart) => T,
): { readonly [K in Name]?: T } {
  return (part === undefined ? {} : { [name]: read(part) }) as { readonly [K in Name]?: T };
}
