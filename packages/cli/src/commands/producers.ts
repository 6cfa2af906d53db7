import { toJSONSchema } from "zod";
import { flag } from "../options/producer.ts";
import { loadProducer, PRODUCERS } from "../producers.ts";

export interface ProducerDescription {
  readonly name: string;
  readonly summary: string;
  readonly releases: readonly string[];
  /** JSON Schema of the options. */
  readonly options: JsonSchema;
}

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly description?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
}

/** `base-kit producers [name]`: what there is, and what each takes. */
export async function describeProducers(name: string | undefined): Promise<readonly ProducerDescription[]> {
  const names = name === undefined ? Object.keys(PRODUCERS) : [name];
  return Promise.all(
    names.map(async (each) => {
      const producer = await loadProducer(each);
      const options = toJSONSchema(await producer.schema(), { io: "input", unrepresentable: "any" }) as JsonSchema;
      return { name: producer.name, summary: producer.summary, releases: producer.releases, options };
    }),
  );
}

export function renderProducers(producers: readonly ProducerDescription[], detailed: boolean): string {
  const width = Math.max(...producers.map(({ name }) => name.length)) + 2;
  if (!detailed) return producers.map(({ name, summary }) => `${name.padEnd(width)}${summary}\n`).join("");
  return producers.map(renderProducer).join("\n");
}

function renderProducer({ name, summary, releases, options }: ProducerDescription): string {
  const rows = Object.entries(options.properties ?? {}).map(
    ([property, schema]) => [flag(property), explain(schema)] as const,
  );
  const width = Math.max(0, ...rows.map(([option]) => option.length)) + 2;
  return [
    `${name}: ${summary}`,
    `releases, for example: ${releases.map((release) => `${name}:${release}`).join(" ")}`,
    rows.length === 0 ? "options of its own: none" : "options of its own:",
    ...rows.map(([option, text]) => `  ${option.padEnd(width)}${text}`),
    "",
  ].join("\n");
}

function explain({ description = "", enum: choices, default: preset }: JsonSchema): string {
  const among = choices === undefined ? "" : ` (${choices.map(String).join(", ")})`;
  const standard =
    preset === undefined ? "" : ` (default: ${typeof preset === "string" ? preset : JSON.stringify(preset)})`;
  return `${description}${among}${standard}`;
}
