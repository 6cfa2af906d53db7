import { type Package, parsePackage } from "./package.ts";

/** A Packages file in which only what is asked for is parsed: of 60 000 stanzas an image needs a hundred. */
export interface PackagesIndex {
  /** For messages. */
  readonly subject: string;
  /** Names of all packages, in the order of the file. */
  names(): Iterable<string>;
  /** All versions of a package, in the order of the file. */
  find(name: string): readonly Package[];
  /** The packages that have a line such as `Priority: required`, in the order of the file. */
  withLine(line: string): readonly Package[];
  /** The packages whose `Provides` names this one. */
  providersOf(name: string): readonly Package[];
  /** Where a name first appears as a package or in a relation, in bytes from the start. */
  firstMention(name: string): number | undefined;
  /** Bytes. */
  readonly size: number;
}

const START = "Package: ";

export function readPackagesIndex(bytes: Buffer, subject: string): PackagesIndex {
  const stanzas = new Stanzas();
  stanzas.find(bytes, { isWhole: true });
  return indexOf(bytes, stanzas, subject);
}

/**
 * As {@link readPackagesIndex}, of a file that comes in pieces: its stanzas are found while the next piece is unpacked.
 *
 * @param expected bytes that the file should have; room for as many is made at once
 */
export async function collectPackagesIndex(
  pieces: AsyncIterable<Uint8Array>,
  { subject, expected }: { readonly subject: string; readonly expected: number },
): Promise<PackagesIndex> {
  const stanzas = new Stanzas();
  let room = Buffer.allocUnsafeSlow(expected);
  let used = 0;
  for await (const piece of pieces) {
    if (used + piece.length > room.length) {
      const larger = Buffer.allocUnsafeSlow(2 * (used + piece.length));
      larger.set(room.subarray(0, used));
      room = larger;
    }
    room.set(piece, used);
    used += piece.length;
    stanzas.find(room.subarray(0, used), { isWhole: false });
  }
  const bytes = room.subarray(0, used);
  stanzas.find(bytes, { isWhole: true });
  return indexOf(bytes, stanzas, subject);
}

/** Where the stanzas of a file are, and which are of which package. */
class Stanzas {
  /** Beginning and end of each, in bytes. */
  readonly starts: number[] = [];
  /** Position in `starts` of a package's stanza, or of several. */
  readonly byName = new Map<string, number | number[]>();
  /** Where the first stanza begins that was not found yet, or the blank lines before it. */
  #at = 0;
  /** Up to here there is no end of it. */
  #searched = 0;

  /** Goes on where it stopped, as far as the file is known. */
  find(bytes: Buffer, { isWhole }: { readonly isWhole: boolean }): void {
    for (;;) {
      this.#at = skipBlank(bytes, this.#at);
      if (this.#at === bytes.length) return;
      const blank = bytes.indexOf("\n\n", Math.max(this.#at, this.#searched), "latin1");
      if (blank < 0 && !isWhole) {
        this.#searched = bytes.length - 1;
        return;
      }
      const end = blank < 0 ? bytes.length : blank;
      this.#add(nameOf(bytes, this.#at, end), end);
      this.#at = end;
    }
  }

  #add(name: string, end: number): void {
    const number = this.starts.length;
    this.starts.push(this.#at, end);
    const known = this.byName.get(name);
    if (known === undefined) this.byName.set(name, number);
    else this.byName.set(name, [known, number].flat());
  }
}

function indexOf(bytes: Buffer, { starts, byName }: Stanzas, subject: string): PackagesIndex {
  const parsed = new Map<number, Package>();
  const parse = (number: number): Package => {
    let found = parsed.get(number);
    if (found === undefined) {
      found = parsePackage(bytes.toString("utf8", starts[number], starts[number + 1]), subject);
      parsed.set(number, found);
    }
    return found;
  };
  let providers: Map<string, number[]> | undefined;

  return {
    subject,
    names: () => byName.keys(),
    find: (name) => {
      const numbers = byName.get(name);
      if (numbers === undefined) return [];
      return typeof numbers === "number" ? [parse(numbers)] : numbers.map(parse);
    },
    withLine: (line) => [...stanzasWith(bytes, starts, `\n${line}\n`)].map(({ number }) => parse(number)),
    providersOf: (name) => {
      providers ??= findProviders(bytes, starts);
      return (providers.get(name) ?? []).map(parse);
    },
    firstMention: (name) => firstMention(bytes, name),
    size: bytes.length,
  };
}

function skipBlank(bytes: Buffer, from: number): number {
  let at = from;
  while (at < bytes.length && bytes[at] === 10) at++;
  return at;
}

/** The first field of a stanza by custom, not by rule. */
function nameOf(bytes: Buffer, start: number, end: number): string {
  const first = bytes.toString("latin1", start, start + START.length);
  let at = start;
  if (first !== START) {
    const found = bytes.subarray(start, end).indexOf(`\n${START}`, 0, "latin1");
    if (found < 0) return "";
    at = start + found + 1;
  }
  const newline = bytes.indexOf(10, at);
  return bytes.toString("latin1", at + START.length, newline < 0 || newline > end ? end : newline).trim();
}

interface Hit {
  /** Of the stanza. */
  readonly number: number;
  /** Where the searched text begins. */
  readonly at: number;
}

function* stanzasWith(bytes: Buffer, starts: readonly number[], text: string): Generator<Hit> {
  let number = 0;
  for (let at = bytes.indexOf(text, 0, "latin1"); at >= 0; at = bytes.indexOf(text, at + 1, "latin1")) {
    // Hits come in the order of the file, so the search for the stanza never goes back.
    while ((starts[number + 1] as number) < at) number += 2;
    yield { number, at };
  }
}

const PROVIDES = "\nProvides: ";

function findProviders(bytes: Buffer, starts: readonly number[]): Map<string, number[]> {
  const providers = new Map<string, number[]>();
  for (const { number, at } of stanzasWith(bytes, starts, PROVIDES)) {
    const newline = bytes.indexOf(10, at + 1);
    const value = bytes.toString("latin1", at + PROVIDES.length, newline < 0 ? bytes.length : newline);
    for (const provided of value.split(",")) {
      const name = /^\s*([^\s(:]+)/.exec(provided)?.[1];
      if (name === undefined) continue;
      const known = providers.get(name);
      if (known === undefined) providers.set(name, [number]);
      else if (known.at(-1) !== number) known.push(number);
    }
  }
  return providers;
}

const RELATION_FIELDS =
  /^(?:Package|Provides|Depends|Pre-Depends|Recommends|Suggests|Enhances|Conflicts|Breaks|Replaces):/;

function firstMention(bytes: Buffer, name: string): number | undefined {
  for (let at = bytes.indexOf(name, 0, "latin1"); at >= 0; at = bytes.indexOf(name, at + 1, "latin1")) {
    const before = bytes.toString("latin1", at - 1, at);
    const after = bytes.toString("latin1", at + name.length, at + name.length + 1);
    if (!/[ ,|]/.test(before) || !/^[\s,|(]?$/.test(after)) continue;
    const line = bytes.lastIndexOf(10, at) + 1;
    if (RELATION_FIELDS.test(bytes.toString("latin1", line, line + 16))) return at;
  }
  return undefined;
}
