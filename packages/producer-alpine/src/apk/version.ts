/**
 * Alpine's versions: `1.2.3b_rc1_p2-r4`. The grammar and its order are those of apk-version(5) and of apk-tools 2.14, which is the
 * oracle of the tests.
 */

/** Kinds of components in the order in which they may follow each other; of two versions that are equal so far, the one that goes on with the lower kind is the newer one. */
const KIND = { fraction: 0, number: 1, letter: 2, suffix: 3, suffixNumber: 4, revision: 5, end: 6 } as const;

interface Component {
  readonly kind: number;
  readonly value: number;
}

/** Suffixes of something older than the version itself have negative values, those of something newer do not. */
const SUFFIXES: Readonly<Record<string, number>> = {
  alpha: -4,
  beta: -3,
  pre: -2,
  rc: -1,
  cvs: 0,
  svn: 1,
  git: 2,
  hg: 3,
  p: 4,
};

/** As many digits as are compared as a number are 17. */
const GRAMMAR =
  /^\d{1,17}(?:\.\d{1,17})*(?:[a-z]\d{0,17})?(?:_(?:alpha|beta|pre|rc|cvs|svn|git|hg|p)\d{0,17})*(?:-r\d{1,17})?$/;
const PIECES = /([a-z])(?=\d|_|-|$)|_([a-z]+)|-r(\d+)|(\.)?(\d+)/y;

const parsed = new Map<string, readonly Component[] | null>();
const REMEMBERED = 50_000;

export function isVersion(text: string): boolean {
  return GRAMMAR.test(text);
}

/** Less than, equal to or greater than zero, for `sort`. Something that is no version is older than any that is. */
export function compareVersions(a: string, b: string): number {
  if (a === b) return 0;
  const [left, right] = [componentsOf(a), componentsOf(b)];
  if (left === null || right === null) return left === right ? 0 : left === null ? -1 : 1;
  for (let at = 0; ; at++) {
    const [x, y] = [left[at] ?? END, right[at] ?? END];
    if (x.kind !== y.kind) {
      if (isPreRelease(x)) return -1;
      if (isPreRelease(y)) return 1;
      return y.kind - x.kind;
    }
    if (x.value !== y.value) return x.value - y.value;
    if (x.kind === KIND.end) return 0;
  }
}

/** Whether `version` is `prefix` or something more exact: what `~` asks for. */
export function startsWithVersion(version: string, prefix: string): boolean {
  const [whole, start] = [componentsOf(version), componentsOf(prefix)];
  if (whole === null || start === null) return false;
  return start.every(({ kind, value }, at) => whole[at]?.kind === kind && whole[at]?.value === value);
}

const END: Component = { kind: KIND.end, value: 0 };

function isPreRelease({ kind, value }: Component): boolean {
  return kind === KIND.suffix && value < 0;
}

function componentsOf(text: string): readonly Component[] | null {
  let components = parsed.get(text);
  if (components === undefined) {
    if (parsed.size >= REMEMBERED) parsed.clear();
    components = parse(text);
    parsed.set(text, components);
  }
  return components;
}

function parse(text: string): readonly Component[] | null {
  if (!GRAMMAR.test(text)) return null;
  const components: Component[] = [];
  PIECES.lastIndex = 0;
  for (let match = PIECES.exec(text); match !== null; match = PIECES.exec(text)) {
    const [, letter, suffix, revision, dot, digits] = match;
    const before = components.at(-1)?.kind;
    if (letter !== undefined) components.push({ kind: KIND.letter, value: letter.charCodeAt(0) });
    else if (suffix !== undefined) {
      components.push({ kind: KIND.suffix, value: SUFFIXES[suffix] ?? 0 });
    } else {
      const number = revision ?? digits ?? "";
      if (revision !== undefined) components.push({ kind: KIND.revision, value: Number(number) });
      else if (before === KIND.suffix) components.push({ kind: KIND.suffixNumber, value: Number(number) });
      else if (dot !== undefined) components.push(...fraction(number));
      else components.push({ kind: KIND.number, value: Number(number) });
    }
  }
  return components;
}

/** After a dot zeros in front count: 1.05 is older than 1.5, as decimal fractions are. */
function fraction(digits: string): readonly Component[] {
  if (!digits.startsWith("0")) return [{ kind: KIND.fraction, value: Number(digits) }];
  const zeros = /^0+/.exec(digits)?.[0].length ?? 0;
  return [
    { kind: KIND.fraction, value: 1 - zeros },
    { kind: KIND.number, value: Number(digits) },
  ];
}
