import { printable } from "@base-kit/core";
import type { ReportedProgram, ScratchReport } from "@base-kit/scratch";
import { formatBytes } from "./format.ts";

/** Who needs what, as a tree: each library below the file that asked for it first; then what was added, and why. */
export function renderExplained({ programs, additions, files, size }: ScratchReport): string {
  const lines = programs.flatMap(renderProgram);
  const added = additions.map(
    ({ feature, evidence, size: bytes }) => `${printable(feature)} ← ${evidence}, ${formatBytes(bytes)}`,
  );
  const total = `${files} ${files === 1 ? "file" : "files"}, ${formatBytes(size)}`;
  return `${[...lines, ...(added.length === 0 ? [] : ["", ...added]), "", total].join("\n")}\n`;
}

function renderProgram({ path, size, interpreter, libraries }: ReportedProgram): readonly string[] {
  const lines = [`${printable(path)}, ${formatBytes(size)}`];
  if (interpreter !== undefined) lines.push(`  ${printable(interpreter)} ← loads it`);
  const below = (parent: string, indent: string, depth: number): void => {
    for (const library of libraries) {
      if (library.neededBy[0] !== parent) continue;
      const owner = library.package === undefined ? "" : ` (${printable(library.package)})`;
      lines.push(`${indent}${printable(library.name)} ← ${nameOf(parent)}, ${formatBytes(library.size)}${owner}`);
      if (depth < 64) below(library.path, `${indent}  `, depth + 1);
    }
  };
  below(path, "  ", 0);
  return lines;
}

function nameOf(path: string): string {
  return printable(path.slice(path.lastIndexOf("/") + 1));
}
