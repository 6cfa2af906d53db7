import { printable, type RuntimeConfig } from "@base-kit/core";
import type { Inspected } from "../commands/inspect.ts";
import type { ImageReport, Sized } from "../inspect/report.ts";
import { formatBytes, printableText } from "./format.ts";

const SHOWN_AT_MOST = 8;

export function renderInspected({ name, platforms, image }: Inspected): string {
  const others = platforms.filter((each) => each !== image.platform);
  const rows: readonly (readonly [string, string])[] = [
    ["image", printable(name)],
    ["for", others.length === 0 ? image.platform : `${image.platform} (also there: ${others.join(", ")})`],
    ...optional("system", image.system && printableText(image.system)),
    ["id", image.id],
    ["digest", image.digest],
    ...optional("created", image.created && printableText(image.created)),
    ["size", `${formatBytes(image.size)} stored, ${formatBytes(image.unpacked)} unpacked, ${image.entries} entries`],
    ...runtimeRows(image.runtime),
    ...Object.entries(image.annotations).map(([key, value]) => ["annotation", assignment(key, value)] as const),
  ];
  const head = rows.map(([title, value]) => `${title.padEnd(11)}${value}`);
  return `${[...head, ...layerLines(image), ...packageLines(image), ...folderLines(image), ...wasteLines(image)].join("\n")}\n`;
}

function runtimeRows(runtime: RuntimeConfig): readonly (readonly [string, string])[] {
  const { env = {}, cmd, entrypoint, user, workdir, expose, volumes, labels = {}, stopSignal } = runtime;
  const { healthcheck, shell, onBuild = [] } = runtime;
  return [
    ...optional("entrypoint", entrypoint && words(entrypoint)),
    ...optional("cmd", cmd && words(cmd)),
    ...optional("user", user && printable(user)),
    ...optional("workdir", workdir && printable(workdir)),
    ...Object.entries(env).map(([key, value]) => ["env", assignment(key, value)] as const),
    ...(expose ?? []).map((each) => ["expose", printable(each)] as const),
    ...(volumes ?? []).map((each) => ["volume", printable(each)] as const),
    ...Object.entries(labels).map(([key, value]) => ["label", assignment(key, value)] as const),
    ...optional("stop", stopSignal && printable(stopSignal)),
    ...optional("health", healthcheck?.test && words(healthcheck.test)),
    ...optional("shell", shell && words(shell)),
    ...onBuild.map((line) => ["onbuild", printableText(line)] as const),
  ];
}

function layerLines({ layers }: ImageReport): readonly string[] {
  const sizes = columns(layers.map(({ size, unpacked }) => [formatBytes(size), formatBytes(unpacked)]));
  return [
    "layers",
    ...layers.map(({ digest, compression, createdBy }, index) => {
      const by = createdBy === "" ? "" : `  ${cut(printableText(createdBy))}`;
      return `  ${index}  ${sizes[index]}  ${compression.padEnd(4)}  ${digest.slice(7, 19)}${by}`;
    }),
  ];
}

function packageLines({ packages }: ImageReport): readonly string[] {
  if (packages.length === 0) return ["packages   none that a database knows"];
  const sized = packages.map((each) => ({
    path: `${printable(each.name)} ${printable(each.version)}`,
    size: each.size,
  }));
  return [`packages   ${packages.length}`, ...largest(sized.filter(({ size }) => size > 0))];
}

function folderLines({ folders }: ImageReport): readonly string[] {
  return ["folders", ...largest(folders.map(({ path, size }) => ({ path: printable(path), size })))];
}

function wasteLines({ wasted: { size, files } }: ImageReport): readonly string[] {
  if (files.length === 0) return [];
  const told = files.map((each) => ({
    path: `${printable(each.path)} of layer ${each.layer}, ${each.how} by layer ${each.by}`,
    size: each.size,
  }));
  return [`wasted     ${formatBytes(size)} in ${files.length} files that upper layers hide`, ...largest(told)];
}

function largest(items: readonly Sized[]): readonly string[] {
  return items.slice(0, SHOWN_AT_MOST).map(({ path, size }) => `  ${formatBytes(size).padStart(8)}  ${path}`);
}

function columns(rows: readonly (readonly string[])[]): readonly string[] {
  const width = Math.max(...rows.flat().map(({ length }) => length));
  return rows.map((row) => row.map((cell) => cell.padStart(width)).join("  "));
}

function optional(title: string, value: string | undefined): readonly (readonly [string, string])[] {
  return value === undefined || value === "" ? [] : [[title, value]];
}

function words(values: readonly string[]): string {
  return values.map((each) => printable(each)).join(" ");
}

function assignment(key: string, value: string): string {
  return `${printable(key)}=${printable(value)}`;
}

function cut(text: string): string {
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}
