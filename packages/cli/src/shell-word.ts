/** Control and format characters, separators, private use: what `printable` escapes. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]/u;

/**
 * A text as one word of a shell's, to be shown to people: what could move a terminal's cursor is in octal, in the quotes `$'…'` of bash,
 * zsh and POSIX.1-2024.
 */
export function shellWord(text: string): string {
  if (/^[\p{L}\p{N}\p{M}_%+,./:=@-]+$/u.test(text)) return text;
  if (!UNPRINTABLE.test(text)) return `'${text.replaceAll("'", String.raw`'\''`)}'`;
  return `$'${[...text].map(escaped).join("")}'`;
}

/** The same for a path, which is not to be taken for an option, nor by tar for a file of another machine. */
export function pathWord(path: string): string {
  return shellWord(/^(?:-|[^/]*:)/.test(path) ? `./${path}` : path);
}

function escaped(character: string): string {
  if (character === "'" || character === "\\") return `\\${character}`;
  if (!UNPRINTABLE.test(character)) return character;
  return [...Buffer.from(character)].map((byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("");
}
