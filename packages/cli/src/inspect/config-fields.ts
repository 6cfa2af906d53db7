import { asList, asRecord, asText, type Image, type JsonPart, member, parseJson } from "@base-kit/core";

/** What a config says besides the layers. */
export interface ConfigFields {
  /** RFC 3339, as it is written there. */
  readonly created: string | undefined;
  /** One per layer, bottom first; empty where nothing is said. */
  readonly createdBy: readonly string[];
  /** All other fields, nested names joined by dots; Env is taken apart by variable. */
  readonly fields: ReadonlyMap<string, unknown>;
}

const HISTORY_AT_MOST = 10_000;
/** Told apart from the rest, or said by the layers. */
const ELSEWHERE = ["rootfs", "history"];

/** @throws BaseKitError `DOCUMENT_INVALID` (unsupported) */
export async function readConfig(image: Image): Promise<ConfigFields> {
  const parts: Uint8Array[] = [];
  for await (const part of image.config.open()) parts.push(part);
  const document = parseJson(Buffer.concat(parts), `the config ${image.config.digest}`);
  const created = member(document, "created");
  const fields = new Map<string, unknown>();
  for (const [name, value] of Object.entries(asRecord(document))) {
    if (!ELSEWHERE.includes(name)) flatten(name, value, fields);
  }
  for (const [name, value] of Object.entries(image.annotations)) fields.set(`annotation.${name}`, value);
  return { created: created && asText(created), createdBy: historyOf(document), fields };
}

/** Instructions that made no layer are listed too, and marked. */
function historyOf(document: JsonPart): readonly string[] {
  const history = member(document, "history");
  if (history === undefined) return [];
  return asList(history, HISTORY_AT_MOST)
    .filter((each) => member(each, "empty_layer")?.value !== true)
    .map((each) => {
      const text = member(each, "created_by");
      return text === undefined ? "" : asText(text);
    });
}

function flatten(name: string, value: unknown, into: Map<string, unknown>): void {
  if (name === "config.Env" && Array.isArray(value)) {
    for (const pair of value.map(String)) {
      const equals = pair.indexOf("=");
      into.set(`config.Env.${equals < 0 ? pair : pair.slice(0, equals)}`, equals < 0 ? "" : pair.slice(equals + 1));
    }
  } else if (typeof value === "object" && value !== null && !Array.isArray(value) && name.split(".").length < 3) {
    for (const [inner, each] of Object.entries(value)) flatten(`${name}.${inner}`, each, into);
  } else if (value !== null && value !== "" && !(Array.isArray(value) && value.length === 0)) {
    into.set(name, value);
  }
}
