/** A paragraph of fields as in `control`, deb822(5): values with their continuation lines as they stand, in their order. */
export type Paragraph = ReadonlyMap<string, string>;

/** Field names are compared without regard to case; they are kept as written. Undefined for what is no paragraph, or
 * names a field twice. */
export function parseParagraph(text: string): Paragraph | undefined {
  const fields = new Map<string, string>();
  const seen = new Set<string>();
  let last: string | undefined;
  for (const line of text.replace(/\n+$/, "").split("\n")) {
    if (/^[ \t]/.test(line) && last !== undefined) {
      fields.set(last, `${fields.get(last)}\n${line}`);
      continue;
    }
    const [, name, value] = /^([!-9;-~]+):[ \t]*(.*)$/.exec(line) ?? [];
    if (name === undefined || name.startsWith("-") || name.startsWith("#")) return undefined;
    if (seen.size === seen.add(name.toLowerCase()).size) return undefined;
    last = name;
    fields.set(name, (value ?? "").trimEnd());
  }
  return fields;
}

export function field(paragraph: Paragraph, name: string): string | undefined {
  const wanted = name.toLowerCase();
  for (const [key, value] of paragraph) if (key.toLowerCase() === wanted) return value;
  return undefined;
}
