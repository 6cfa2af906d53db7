/** One challenge of a WWW-Authenticate header. */
export interface Challenge {
  /** In lower case: `bearer`, `basic`. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** A header longer than this is none. */
const HEADER_AT_MOST = 16 * 1024;

const SPACE = /[ \t]*/y;
const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
/** What may stand in the place of parameters: RFC 9110 §11.2. */
const TOKEN68 = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y;

/**
 * The challenges of a WWW-Authenticate header, RFC 9110 §11.6.1: several schemes and their parameters share one list with commas. What
 * follows something that cannot be read is left out.
 */
export function parseChallenges(header: string): readonly Challenge[] {
  const challenges: Challenge[] = [];
  if (header.length > HEADER_AT_MOST) return challenges;
  let at = 0;
  let parameters: Map<string, string> | undefined;

  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(header)?.[0];
    if (found !== undefined) at += found.length;
    return found;
  };
  const value = (): string | undefined => (header[at] === '"' ? quoted() : take(TOKEN));
  const quoted = (): string | undefined => {
    let text = "";
    for (let next = at + 1; next < header.length; next++) {
      if (header[next] === '"') {
        at = next + 1;
        return text;
      }
      if (header[next] === "\\") next += 1;
      text += header[next] ?? "";
    }
    return undefined;
  };

  while (at < header.length) {
    take(SPACE);
    if (header[at] === ",") {
      at += 1;
      continue;
    }
    const name = take(TOKEN);
    if (name === undefined) break;
    take(SPACE);
    if (header[at] === "=" && parameters !== undefined) {
      at += 1;
      take(SPACE);
      const content = value();
      if (content === undefined) break;
      // The first counts: a second one is an attempt to say something else to somebody else.
      if (!parameters.has(name.toLowerCase())) parameters.set(name.toLowerCase(), content);
    } else {
      parameters = new Map();
      challenges.push({ scheme: name.toLowerCase(), parameters });
      take(TOKEN68);
    }
  }
  return challenges;
}
