/** The stanza of a package written as `name-version | D:… | p:… | i:… | k:…`, with a checksum of its own. */
export function stanzaOf(text: string): string {
  const [id = "", ...rest] = text.split("|").map((part) => part.trim());
  const [, name, version] = /^(.+?)-(\d.*)$/.exec(id) ?? [];
  const rows = [
    `C:Q1${Buffer.from(id.padStart(20, "0")).toString("base64")}`,
    `P:${name}`,
    `V:${version}`,
    "A:x86_64",
    "S:100",
    "I:100",
    ...rest.filter((part) => /^[A-Za-z]:/.test(part)),
  ];
  return `${rows.join("\n")}\n\n`;
}
