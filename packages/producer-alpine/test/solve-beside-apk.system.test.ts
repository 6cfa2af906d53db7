import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { locationOf, makeApkIndex, newApkKey, requires } from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseDependencies } from "../src/apk/dependency.ts";
import { parseStanza } from "../src/apk/stanza.ts";
import { solve } from "../src/solver/solve.ts";
import { createUniverse } from "../src/solver/universe.ts";
import { type RealApk, unpackMinirootfs } from "./real-apk.ts";
import { stanzaOf } from "./stanza-of.ts";

const CASES = 40;
const NAMES = ["a", "b", "c", "d", "e", "f", "g", "h"];
const VIRTUAL = ["v", "w"];
const VERSIONS = ["1-r0", "2-r0"];

type Feature =
  | "versions"
  | "provides"
  | "names"
  | "virtual"
  | "priority"
  | "conflict"
  | "install_if"
  | "absence"
  | "world"
  | "before";

/** Packages as `stanzaOf` takes them, and what is asked for. */
interface Case {
  readonly packages: readonly string[];
  readonly world: string;
  /** What was asked for before, and is not installed yet. */
  readonly before?: string;
}

/** A small repository in which nearly everything needs something, and something to ask of it. */
function randomCase(random: () => number, features: ReadonlySet<Feature>): Case {
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  const sometimes = (feature: Feature, chance: number) => features.has(feature) && random() < chance;
  const anyName = () => (random() < 0.25 ? pick([...VIRTUAL, "p"]) : pick(NAMES));
  const versioned = (name: string) =>
    sometimes("versions", 0.2) ? `${name}${pick(["=1-r0", ">1-r0", "<2-r0", "~2", ">=1-r0"])}` : name;
  const dependency = () => (sometimes("conflict", 0.08) ? `!${anyName()}` : versioned(anyName()));
  const packages = NAMES.flatMap((name) =>
    (sometimes("versions", 0.4) ? VERSIONS : VERSIONS.slice(0, 1)).map((version) => {
      const others = NAMES.filter((each) => each !== name);
      const company = () => (sometimes("absence", 0.15) ? `!${pick(others)}` : versioned(pick(others)));
      const fields = {
        k: sometimes("priority", 0.3) ? [pick(["10", "20"])] : [],
        D: Array.from({ length: Math.floor(random() * 3) }, dependency).filter((each) => nameIn(each) !== name),
        p: [
          ...(sometimes("virtual", 0.3) ? [pick(VIRTUAL)] : []),
          ...(sometimes("provides", 0.2) ? [`${pick(["p", "q"])}=${pick(VERSIONS)}`] : []),
          ...(sometimes("names", 0.15) ? [`${pick(others)}=${pick(VERSIONS)}`] : []),
        ],
        i: sometimes("install_if", 0.25) ? [company(), company()] : [],
      };
      const rows = Object.entries(fields).filter(([, words]) => words.length > 0);
      return [`${name}-${version}`, ...rows.map(([field, words]) => `${field}:${[...new Set(words)].join(" ")}`)].join(
        " | ",
      );
    }),
  );
  const world = Array.from({ length: 1 + Math.floor(random() * 3) }, () => {
    const name = random() < 0.2 ? pick(VIRTUAL) : pick(NAMES);
    return features.has("world") ? (random() < 0.15 ? `!${name}` : versioned(name)) : name;
  });
  const isFirst = (word: string, at: number) => world.findIndex((each) => nameIn(each) === nameIn(word)) === at;
  const words = world.filter(isFirst);
  const before = features.has("before") ? words.splice(1, 1).join(" ") : "";
  return { packages, world: words.join(" "), before };
}

function nameIn(word: string): string {
  return /\w+/.exec(word)?.[0] ?? expect.fail(word);
}

/** Deterministic, so that a failure comes again. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    const first = Math.imul(state ^ (state >>> 15), state | 1);
    const second = (first + Math.imul(first ^ (first >>> 7), first | 61)) ^ first;
    return ((second ^ (second >>> 14)) >>> 0) / 2 ** 32;
  };
}

function ours({ packages, world, before = "" }: Case): string | undefined {
  const candidates = packages.map((text) => {
    const info = parseStanza(stanzaOf(text));
    if ("why" in info) throw new Error(info.why);
    return { info, repository: 0, installed: false };
  });
  const dependencies = (words: string) => parseDependencies(words).valid;
  const asked = new Set(dependencies(world).map(({ name }) => name));
  try {
    const chosen = solve({ universe: createUniverse(candidates), world: dependencies(`${before} ${world}`), asked });
    return chosen.map(({ info }) => `${info.name}-${info.version}`).join(" ");
  } catch {
    return undefined;
  }
}

describe.skipIf(requires("alpine-mirror", "root", "tar").skip)("beside the real apk", () => {
  let real: RealApk;
  const key = newApkKey();
  beforeAll(() => {
    real = unpackMinirootfs(locationOf("alpine-mirror").replace(/^file:\/\//, ""));
    writeFileSync(join(real.root, "etc/apk/keys", key.name), key.publicPem);
    writeFileSync(join(real.root, "etc/apk/repositories"), "");
    mkdirSync(join(real.root, "empty"));
    real.run("apk --root /empty --keys-dir /etc/apk/keys --initdb add");
  });
  afterAll(() => real.remove());

  /** What apk installs, in its order; undefined where it finds no answer. */
  function apks(cases: readonly Case[], folder: string): readonly (string | undefined)[] {
    const commands = cases.map(({ packages, world, before = "" }, at) => {
      const place = `r/${folder.replace(/\W/g, "-")}/${at}`;
      mkdirSync(join(real.root, place, "x86_64"), { recursive: true });
      writeFileSync(join(real.root, place, "x86_64/APKINDEX.tar.gz"), makeApkIndex(packages.map(stanzaOf), key));
      const from = `--root /empty --keys-dir /etc/apk/keys --repositories-file /etc/apk/repositories --repository /${place}`;
      const words = world.split(" ").map((word) => `'${word}'`);
      return `echo '${before}' > /empty/etc/apk/world; apk ${from} --simulate add ${words.join(" ")} 2>&1; echo =`;
    });
    writeFileSync(join(real.root, "commands"), commands.join("\n"));
    const answers = real.run("sh /commands").output.split("=\n").slice(0, cases.length);
    return answers.map((answer) => {
      const installed = [...answer.matchAll(/Installing (\S+) \((\S+)\)/g)];
      return answer.includes("ERROR")
        ? undefined
        : installed.map(([, name, version]) => `${name}-${version}`).join(" ");
    });
  }

  const TABLE: readonly [string, readonly string[], string, string, string?][] = [
    ["takes the newest of a name, though it is another package", ["d-1", "g-1 | p:d=2", "h-1 | D:d"], "h", "g-1 h-1"],
    ["so too where the name is asked for", ["b-1", "d-1", "g-1 | p:d=2", "h-1 | D:b"], "d h", "g-1 b-1 h-1"],
    ["takes the package that has the name when it is newer", ["d-2", "g-1 | p:d=1", "h-1 | D:d"], "h", "d-2 h-1"],
    ["takes another one for the version asked for", ["d-2", "g-1 | p:d=1", "h-1 | D:d=1"], "h", "g-1 h-1"],
    ["takes nothing that provides what was decided", ["b-1", "h-1 | p:b=2", "h-2"], "b h", "b-1 h-2"],
    ["decides the last of the names asked for first", ["b-1", "b-2 | p:c=1", "d-1", "d-2 | p:c=2"], "b d", "b-1 d-2"],
    [
      "decides what was asked for before after what is asked for now",
      ["b-1", "b-2 | p:c=1", "d-1", "d-2 | p:c=2"],
      "b",
      "b-2 d-1",
      "d",
    ],
    [
      "brings along what goes with the version that is there",
      ["a-1", "a-2", "a-doc-1 | i:a=1 docs", "a-doc-2 | i:a=2 docs", "docs-1"],
      "a docs",
      "a-2 docs-1 a-doc-2",
    ],
    ["takes no older version to bring something along", ["a-1", "a-2", "x-1 | i:a=1"], "a", "a-2"],
    ["brings along an older version", ["a-1", "x-1 | i:a", "x-2"], "a", "a-1 x-1"],
    [
      "brings along the newest where it is needed too",
      ["a-1", "b-1 | D:c", "c-1 | D:x", "x-1 | i:a", "x-2"],
      "a b",
      "a-1 x-2 c-1 b-1",
    ],
    ["keeps what came along", ["a-1", "b-1 | D:x=2 | i:a x", "x-1 | i:a", "x-2"], "a", "a-1 x-1"],
    [
      "puts what comes along behind the first of all, in any version",
      ["b-1 | D:f", "c-1", "d-1 | D:c", "f-1 | D:d", "h-1 | i:c", "h-2"],
      "b h",
      "c-1 h-2 d-1 f-1 b-1",
    ],
    ["puts several that come along in the order of apk's table", ["f-1", "b-1 | i:f", "c-1 | i:f"], "f", "f-1 c-1 b-1"],
    [
      "puts what provides a virtual name that it needs itself first",
      ["d-1 | D:g", "e-1 | D:v | p:v", "g-1 | D:e h", "h-1 | p:v"],
      "d",
      "e-1 h-1 g-1 d-1",
    ],
    [
      "puts one provider of a virtual name, not all, before what needs it",
      ["a-1 | D:f", "b-1 | p:w", "c-1 | D:a b", "f-1 | D:w | p:w"],
      "c",
      "f-1 a-1 b-1 c-1",
    ],
    [
      "waits with a virtual name for what else is needed",
      ["b-1 | D:c", "c-1 | D:b | p:w", "e-1 | p:w", "e-2 | D:w"],
      "e",
      "b-1 c-1 e-2",
    ],
    [
      "takes for a name what another one needs in any case",
      ["b-1 | D:c | p:g", "c-1 | p:h", "g-1 | D:c", "h-1 | D:g"],
      "h g",
      "c-1 g-1",
    ],
    [
      "decides what leaves no choice before what may come along",
      ["a-1 | p:c=2", "b-2 | p:q=2 | i:f~2", "f-2 | k:10 | D:c~2 | p:v", "g-1 | D:v", "g-2 | p:q=1"],
      "v g",
      "g-2 a-1 f-2",
    ],
  ];
  test("chooses and orders the same", () => {
    const cases = TABLE.map(([, packages, world, , before = ""]) => ({ packages, world, before }));
    const told = (answers: readonly (string | undefined)[]) => TABLE.map(([what], at) => `${what}: ${answers[at]}`);
    const expected = told(TABLE.map(([, , , answer]) => answer));
    expect(told(apks(cases, "table"))).toEqual(expected);
    expect(told(cases.map(ours))).toEqual(expected);
  });

  // As docs/alpine.md has them: what apk does, and what we do instead.
  const ACCIDENTS: readonly [string, readonly string[], string, string | undefined, string | undefined][] = [
    [
      "a choice that had to be taken back",
      ["a-1", "a-2 | D:b c", "b-1 | D:d=1", "c-1 | D:d=2", "d-1", "d-2"],
      "a",
      undefined,
      "a-1",
    ],
    ["a single provider", ["x-1 | p:v"], "v", undefined, "x-1"],
    ["a single provider that a loop asks for", ["x-1 | p:v | D:y", "y-1 | D:x"], "v", "y-1 x-1", "y-1 x-1"],
    ["company of a provided name", ["d-2 | i:v", "e-2 | p:v"], "e", "e-2 d-2", "e-2 d-2"],
    [
      "company of a provided name that was met before",
      ["d-2 | i:v", "e-2 | p:v", "h-1 | D:v", "h-2 | i:e<2"],
      "e",
      "e-2",
      "e-2 d-2",
    ],
    [
      "an older version that provides a virtual name too",
      ["d-1 | p:w", "d-2", "e-1 | D:d | p:w", "h-2 | D:e"],
      "w h",
      "d-1 e-1 h-2",
      "d-2 e-1 h-2",
    ],
    [
      "what is needed whatever is taken for another name, and an older version of it",
      ["b-1 | D:c | p:g", "c-1 | p:h", "c-2", "g-1 | D:c", "h-1 | D:g"],
      "h g",
      "c-1 g-1",
      "c-2 g-1 h-1",
    ],
  ];
  test("chooses by accident what we do not", () => {
    const cases = ACCIDENTS.map(([, packages, world]) => ({ packages, world }));
    const told = (answers: readonly (string | undefined)[]) => ACCIDENTS.map(([what], at) => `${what}: ${answers[at]}`);
    expect(told(apks(cases, "accidents"))).toEqual(told(ACCIDENTS.map(([, , , theirs]) => theirs)));
    expect(told(cases.map(ours))).toEqual(told(ACCIDENTS.map(([, , , , mine]) => mine)));
  });

  // Of some seeds it matters which name is decided first. Where apk finds no answer, ours is one more.
  test.each<[string, number, readonly Feature[]]>([
    ["versions", 1, ["versions"]],
    ["what is provided with a version", 1, ["versions", "provides"]],
    ["what other packages provide of a name", 54, ["versions", "names"]],
    ["virtual names", 25, ["versions", "virtual"]],
    ["virtual names of some priority", 5, ["versions", "virtual", "priority"]],
    ["conflicts", 1, ["versions", "conflict"]],
    ["what comes along", 20, ["versions", "install_if", "absence"]],
    ["what is added to a world", 1, ["versions", "names", "provides", "virtual", "before"]],
    [
      "everything at once",
      31,
      ["versions", "provides", "names", "virtual", "priority", "conflict", "install_if", "absence", "world"],
    ],
  ])("of random repositories chooses and orders the same wherever it finds an answer: %s", (what, seed, features) => {
    const random = randomNumbers(seed);
    const cases = Array.from({ length: CASES }, () => randomCase(random, new Set(features)));
    const theirs = apks(cases, what);
    const compared = cases.flatMap((each, at) => (theirs[at] === undefined ? [] : [{ each, theirs: theirs[at] }]));
    expect(compared.map(({ each }) => ({ each, theirs: ours(each) }))).toEqual(compared);
    expect(compared.length).toBeGreaterThan(5);
  });
});
