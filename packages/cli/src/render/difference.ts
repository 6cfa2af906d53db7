import { printable } from "@base-kit/core";
import type { ComparedImages } from "../commands/diff.ts";
import { formatBytes, printableText } from "./format.ts";

/** A heading, and lines of `mark what`: what a person or a review of changes reads. */
interface Section {
  readonly title: string;
  readonly lines: readonly Line[];
}

interface Line {
  readonly mark: "+" | "-" | "~";
  readonly what: string;
  readonly how?: string;
}

/** Lines of one section; --json has all. */
const TEXT_AT_MOST = 100;
const MARKDOWN_AT_MOST = 50;

export function renderDifference(compared: ComparedImages): string {
  const { before, after } = compared;
  if (compared.same) return `same       ${before.digest}\n`;
  const head = [
    `before     ${printable(before.name)}  ${before.digest}`,
    `after      ${printable(after.name)}  ${after.digest}`,
  ];
  const body = sectionsOf(compared).flatMap(({ title, lines }) => [
    title,
    ...limited(lines, TEXT_AT_MOST).map(
      ({ mark, what, how }) => `  ${mark} ${what}${how === undefined ? "" : `  ${how}`}`,
    ),
    ...more(lines, TEXT_AT_MOST).map((text) => `  ${text}`),
  ]);
  return `${[...head, ...body, ...summaryOf(compared)].join("\n")}\n`;
}

/** For a comment on a proposed change. */
export function renderMarkdown(compared: ComparedImages): string {
  const { before, after } = compared;
  if (compared.same) return `### ${code(after.name)} is unchanged\n\n${code(before.digest)}\n`;
  const sections = sectionsOf(compared).map(({ title, lines }) =>
    [
      `#### ${title}`,
      "",
      "| | | |",
      "|---|---|---|",
      ...limited(lines, MARKDOWN_AT_MOST).map(
        ({ mark, what, how = "" }) => `| ${mark} | ${code(what)} | ${how === "" ? "" : code(how)} |`,
      ),
      ...more(lines, MARKDOWN_AT_MOST).map((text) => `| | ${text} | |`),
    ].join("\n"),
  );
  const summary = summaryOf(compared)
    .map((line) => `- ${line.replace(/\s+/, ": ")}`)
    .join("\n");
  return `### ${code(before.name)} → ${code(after.name)}\n\n${[summary, ...sections].join("\n\n")}\n`;
}

function sectionsOf({ packages, files, config }: ComparedImages): readonly Section[] {
  const fields = files.changed.map(({ path, changes }) => ({
    path,
    how: changes.map(({ field, before, after }) => `${field} ${short(before)} → ${short(after)}`).join(", "),
  }));
  const sections: readonly Section[] = [
    {
      title: "packages",
      lines: [
        ...packages.added.map(({ name, version }) => line("+", name, version)),
        ...packages.removed.map(({ name, version }) => line("-", name, version)),
        ...packages.changed.map(({ name, before, after }) => line("~", name, `${before} → ${after}`)),
      ],
    },
    { title: "config", lines: config.map(({ field, before, after }) => configLine(field, before, after)) },
    {
      title: "files",
      lines: [
        ...files.added.map((path) => line("+", path)),
        ...files.removed.map((path) => line("-", path)),
        ...fields.map(({ path, how }) => line("~", path, how)),
      ],
    },
  ];
  return sections.filter(({ lines }) => lines.length > 0);
}

function configLine(field: string, before: unknown, after: unknown): Line {
  if (before === undefined) return line("+", field, text(after));
  if (after === undefined) return line("-", field, text(before));
  return line("~", field, `${text(before)} → ${text(after)}`);
}

function line(mark: Line["mark"], what: string, how?: string): Line {
  return { mark, what: printable(what), ...(how === undefined ? {} : { how: printableText(how) }) };
}

function text(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The start of a digest tells as much as all of it. */
function short(value: string): string {
  if (value === "") return "none";
  return value.replace(/^sha256:([0-9a-f]{12})[0-9a-f]+$/, "$1").slice(0, 80);
}

function summaryOf({ files, layers, size }: ComparedImages): readonly string[] {
  const grown = size.after - size.before;
  const sign = grown < 0 ? "-" : "+";
  return [
    ...(files.onlyTime === 0 ? [] : [`time       ${files.onlyTime} more paths differ in their time alone`]),
    `layers     ${layers.reused.count} of ${layers.reused.count + layers.new.count} reused (${formatBytes(layers.reused.size)}), ${formatBytes(layers.new.size)} new`,
    `size       ${formatBytes(size.before)} → ${formatBytes(size.after)} (${sign}${formatBytes(Math.abs(grown))})`,
  ];
}

function limited(lines: readonly Line[], atMost: number): readonly Line[] {
  return lines.slice(0, atMost);
}

function more(lines: readonly Line[], atMost: number): readonly string[] {
  return lines.length > atMost ? [`and ${lines.length - atMost} more (--json lists all)`] : [];
}

/** As code, whatever it holds: a package or file may be named to look like markup. */
function code(value: string): string {
  const safe = value
    .replaceAll("`", "'")
    .replaceAll("|", "\\|")
    .replaceAll(/[\r\n]+/g, " ");
  return `\`${safe}\``;
}
