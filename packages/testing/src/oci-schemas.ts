/**
 * What the JSON schemas of the OCI image specification 1.1.1 (`schema/` there) demand of documents, in our own words and closed:
 * members that no schema knows are refused. Besides theirs there are those that stand in the specification's text alone.
 */

type Schema = Readonly<Record<string, unknown>>;

const TEXT: Schema = { type: "string" };
const TEXTS = listOf(TEXT);
const TIME: Schema = { type: "string", format: "date-time" };
/** RFC 6838, section 4.2. */
const MEDIA_TYPE = matching("^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$");
const DIGEST = matching("^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$");
/** The schemas allow more; no blob has a size below 0, and no reader of JSON keeps larger ones exactly. */
const SIZE: Schema = { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER };
const ANNOTATIONS = mapTo(TEXT);
const VERSION: Schema = { const: 2 };

const PLATFORM = closed({ architecture: TEXT, os: TEXT, variant: TEXT, "os.version": TEXT, "os.features": TEXTS }, [
  "architecture",
  "os",
]);

const DESCRIBED = {
  mediaType: MEDIA_TYPE,
  artifactType: MEDIA_TYPE,
  digest: DIGEST,
  size: SIZE,
  urls: listOf({ type: "string", format: "uri" }),
  annotations: ANNOTATIONS,
  platform: PLATFORM,
};
const TOLD = ["mediaType", "digest", "size"];
const DESCRIPTOR = closed({ ...DESCRIBED, data: TEXT }, TOLD);
const INDEXED = closed(DESCRIBED, TOLD);

const SETTINGS = closed({
  User: TEXT,
  ExposedPorts: mapTo({ type: "object" }),
  Env: TEXTS,
  Entrypoint: orNull(TEXTS),
  Cmd: orNull(TEXTS),
  Volumes: orNull(mapTo({ type: "object" })),
  WorkingDir: TEXT,
  Labels: orNull(mapTo(TEXT)),
  StopSignal: TEXT,
  ArgsEscaped: { type: "boolean" },
  // Docker's, which the specification reserves.
  Healthcheck: { type: "object" },
  OnBuild: TEXTS,
  Shell: TEXTS,
});

const HISTORY = closed({
  created: TIME,
  author: TEXT,
  created_by: TEXT,
  comment: TEXT,
  empty_layer: { type: "boolean" },
});

export const OCI_SCHEMAS: Readonly<Record<"layout" | "index" | "manifest" | "config", Schema>> = {
  layout: closed({ imageLayoutVersion: { const: "1.0.0" } }, ["imageLayoutVersion"]),
  index: closed(
    {
      schemaVersion: VERSION,
      mediaType: MEDIA_TYPE,
      artifactType: MEDIA_TYPE,
      subject: DESCRIPTOR,
      manifests: listOf(INDEXED),
      annotations: ANNOTATIONS,
    },
    ["schemaVersion", "manifests"],
  ),
  manifest: closed(
    {
      schemaVersion: VERSION,
      mediaType: MEDIA_TYPE,
      artifactType: MEDIA_TYPE,
      subject: DESCRIPTOR,
      config: DESCRIPTOR,
      layers: { ...listOf(DESCRIPTOR), minItems: 1 },
      annotations: ANNOTATIONS,
    },
    ["schemaVersion", "config", "layers"],
  ),
  config: closed(
    {
      created: TIME,
      author: TEXT,
      architecture: TEXT,
      variant: TEXT,
      os: TEXT,
      "os.version": TEXT,
      "os.features": TEXTS,
      config: SETTINGS,
      rootfs: closed({ type: { const: "layers" }, diff_ids: TEXTS }, ["type", "diff_ids"]),
      history: listOf(HISTORY),
    },
    ["architecture", "os", "rootfs"],
  ),
};

function closed(properties: Readonly<Record<string, Schema>>, required: readonly string[] = []): Schema {
  return { type: "object", properties, required, additionalProperties: false };
}

function listOf(items: Schema): Schema {
  return { type: "array", items };
}

/** Any names but the empty one. */
function mapTo(values: Schema): Schema {
  return { type: "object", propertyNames: { minLength: 1 }, additionalProperties: values };
}

function orNull(schema: Schema): Schema {
  return { oneOf: [schema, { type: "null" }] };
}

function matching(pattern: string): Schema {
  return { type: "string", pattern };
}
