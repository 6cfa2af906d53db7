/** `NAME=value` lines with shell quoting, os-release(5). Lines of other shapes are passed over, as the manual asks. */
export function parseOsRelease(text: string): Readonly<Record<string, string>> {
  const values: [string, string][] = [];
  for (const line of text.split("\n")) {
    const [, key, value] = /^([A-Z][A-Z0-9_]*)=(.*)$/.exec(line.trim()) ?? [];
    if (key !== undefined && value !== undefined) values.push([key, unquote(value)]);
  }
  return Object.fromEntries(values);
}

function unquote(value: string): string {
  if (/^'[^']*'$/.test(value)) return value.slice(1, -1);
  const inner = /^"(.*)"$/.exec(value)?.[1] ?? value;
  return inner.replace(/\\([\\"$`])/g, "$1");
}
