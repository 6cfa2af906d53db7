import type { ByteString } from "@base-kit/core";

/**
 * A shell pattern in which `*` and `?` also match `/`, as in dpkg's path-exclude: fnmatch(3) without flags. It works on bytes:
 * a `?` is one byte.
 */
export function compileGlob(pattern: ByteString): RegExp {
  let source = "";
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at] as string;
    if (character === "*") source += "[^]*";
    else if (character === "?") source += "[^]";
    else if (character === "\\" && at + 1 < pattern.length) source += literal(pattern[++at] as string);
    else if (character === "[") {
      const end = bracketEnd(pattern, at);
      if (end < 0) source += "\\[";
      else {
        source += bracket(pattern.slice(at + 1, end));
        at = end;
      }
    } else source += literal(character);
  }
  return new RegExp(`^${source}$`);
}

/** A bracket expression ends at the first `]` that is not its first character. */
function bracketEnd(pattern: string, start: number): number {
  const first = /^[!^]/.test(pattern.slice(start + 1)) ? start + 2 : start + 1;
  return pattern.indexOf("]", first + 1);
}

function bracket(content: string): string {
  const negated = /^[!^]/.test(content);
  const members = (negated ? content.slice(1) : content).replace(/[\\\][^]/g, "\\$&");
  return `[${negated ? "^" : ""}${members}]`;
}

function literal(character: string): string {
  return character.replace(/[\\^$.*+?()[\]{}|/]/, "\\$&");
}
