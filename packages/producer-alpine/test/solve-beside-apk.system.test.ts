import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { locationOf, makeApkIndex, newApkKey, requires } from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseDependency } from "../src/apk/dependency.ts";
import { parseStanza } from "../src/apk/stanza.ts";
import { solve } from "../src/solver/solve.ts";
import { createUniverse } from "../src/solver/universe.ts";
import { type RealApk, unpackMinirootfs } from "./real-apk.ts";

const CASES = 25;
const NAMES = ["a", "b", "c", "d", "e", "f", "g", "h"];
const VIRTUAL = ["v", "w"];
const VERSIONS = ["1-r0", "2-r0"];

type Feature = "versions" | "provides" | "virtual" | "priority" | "conflict" | "install_if";

interface Case {
  readonly stanzas: readonly string[];
  readonly world: readonly string[];
}

/** A small repository in which nearly everything needs something, and something to ask of it. */
function randomCase(random: () => number, features: ReadonlySet<Feature>): Case {
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  const sometimes = (feature: Feature, chance: number) => random() < chance && features.has(feature);
  const anyName = () => (random() < 0.25 ? pick([...VIRTUAL, "p"]) : pick(NAMES));
  const dependency = () => {
    const name = anyName();
    if (sometimes("conflict", 0.08)) return `!${name}`;
    return sometimes("versions", 0.2) ? `${name}${pick(["=1-r0", ">1-r0", "<2-r0", "~2", ">=1-r0"])}` : name;
  };
  const stanzas = NAMES.flatMap((name) =>
    (sometimes("versions", 0.4) ? VERSIONS : VERSIONS.slice(0, 1)).map((version) => {
      const needs = Array.from({ length: Math.floor(random() * 3) }, dependency);
      const others = NAMES.filter((each) => each !== name);
      const rows = [
        ["C", `Q1${Buffer.from(`${name}-${version}`.padStart(20, "0")).toString("base64")}`],
        ["P", name],
        ["V", version],
        ["A", "x86_64"],
        ["S", "100"],
        ["I", "100"],
        ["k", sometimes("priority", 0.3) ? pick(["10", "20"]) : ""],
        ["D", [...new Set(needs)].filter((each) => each.replace(/\W.*$/, "") !== name).join(" ")],
        [
          "p",
          [
            sometimes("virtual", 0.3) ? pick(VIRTUAL) : "",
            sometimes("provides", 0.2) ? `${pick(["p", "q"])}=${pick(VERSIONS)}` : "",
          ]
            .filter(Boolean)
            .join(" "),
        ],
        ["i", sometimes("install_if", 0.1) ? `${pick(others)} ${pick(others)}` : ""],
      ];
      return `${rows
        .filter(([, value]) => value !== "")
        .map((row) => row.join(":"))
        .join("\n")}\n\n`;
    }),
  );
  const world = Array.from({ length: 1 + Math.floor(random() * 3) }, () =>
    random() < 0.2 ? pick(VIRTUAL) : pick(NAMES),
  );
  return { stanzas, world: [...new Set(world)] };
}

/** Deterministic, so that a failure comes again. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return (state >> 8) / 2 ** 23;
  };
}

function ours({ stanzas, world }: Case): string | undefined {
  const infos = stanzas.map((text) => parseStanza(text));
  const candidates = infos.map((info) => {
    if ("why" in info) throw new Error(info.why);
    return { info, repository: 0, installed: false };
  });
  const asked = world.map((word) => parseDependency(word) ?? expect.fail(word));
  try {
    const chosen = solve({ universe: createUniverse(candidates), world: asked });
    return chosen
      .map(({ info }) => `${info.name}-${info.version}`)
      .sort()
      .join(" ");
  } catch {
    return undefined;
  }
}

describe.skipIf(requires("alpine-mirror", "root", "tar").skip)("of random repositories the real apk", () => {
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

  // apk takes no choice back, so that it gives up where an older version would do; ours are then one answer more. What comes along is
  // without versions here: apk may take an older version of something that was asked for, to bring it along, and we do not.
  test.each<[string, readonly Feature[]]>([
    ["versions", ["versions"]],
    ["what is provided with a version", ["versions", "provides"]],
    ["virtual names", ["versions", "virtual"]],
    ["virtual names of some priority", ["versions", "virtual", "priority"]],
    ["conflicts", ["versions", "conflict"]],
    ["what comes along", ["install_if"]],
  ])("chooses the same wherever it finds an answer: %s", (what, features) => {
    const random = randomNumbers(1);
    const cases = Array.from({ length: CASES }, () => randomCase(random, new Set(features)));
    const folder = what.replaceAll(" ", "-");
    const commands = cases.map(({ stanzas, world }, at) => {
      const place = `r/${folder}/${at}`;
      mkdirSync(join(real.root, place, "x86_64"), { recursive: true });
      writeFileSync(join(real.root, place, "x86_64/APKINDEX.tar.gz"), makeApkIndex(stanzas, key));
      const from = `--root /empty --keys-dir /etc/apk/keys --repositories-file /etc/apk/repositories --repository /${place}`;
      return `apk ${from} --simulate add ${world.join(" ")} 2>&1; echo =`;
    });
    writeFileSync(join(real.root, "commands"), commands.join("\n"));
    const answers = real.run("sh /commands").output.split("=\n").slice(0, CASES);
    const theirs = answers.map((answer) => {
      const packages = [...answer.matchAll(/Installing (\S+) \((\S+)\)/g)].map(
        ([, name, version]) => `${name}-${version}`,
      );
      return answer.includes("ERROR") ? undefined : packages.sort().join(" ");
    });
    const compared = cases.flatMap((each, at) =>
      theirs[at] === undefined ? [] : [[ours(each), theirs[at], each] as const],
    );
    for (const [mine, apks, each] of compared) expect(mine, JSON.stringify(each)).toBe(apks);
    expect(compared.length).toBeGreaterThan(5);
  });
});
