import { describe, expect, test } from "vitest";
import { parseDependency } from "../src/apk/dependency.ts";
import { parseStanza } from "../src/apk/stanza.ts";
import { solve } from "../src/solver/solve.ts";
import { type Candidate, createUniverse } from "../src/solver/universe.ts";
import { stanzaOf } from "./stanza-of.ts";

/** As `stanzaOf`, and with `@tag` and `installed`. */
function candidate(text: string): Candidate {
  const marks = text.split("|").map((part) => part.trim());
  const info = parseStanza(stanzaOf(text));
  if ("why" in info) throw new Error(info.why);
  const tag = marks.find((part) => part.startsWith("@"))?.slice(1);
  return { info, repository: 0, installed: marks.includes("installed"), ...(tag === undefined ? {} : { tag }) };
}

function chosen(packages: readonly string[], world: string): string {
  const universe = createUniverse(packages.map((text) => candidate(text)));
  const dependencies = world.split(" ").map((word) => parseDependency(word) ?? expect.fail(word));
  return solve({ universe, world: dependencies })
    .map(({ info }) => `${info.name}-${info.version}`)
    .join(" ");
}

describe("solving", () => {
  test.each<[string, readonly string[], string, string]>([
    ["takes the newest version", ["a-1", "a-2", "a-1.5"], "a", "a-2"],
    ["takes what an operator asks for", ["a-1", "a-2", "a-3"], "a<3", "a-2"],
    ["takes what a fuzzy version asks for", ["a-3.11.9", "a-3.12.1", "a-3.13.0"], "a~3.12", "a-3.12.1"],
    ["puts what is needed first", ["a-1 | D:b so:c.so.1", "b-1 | D:c", "c-1 | p:so:c.so.1=1"], "a", "c-1 b-1 a-1"],
    ["goes back when the newest cannot be had", ["a-1 | D:b<2", "b-1", "b-2"], "a b", "b-1 a-1"],
    ["goes back over several decisions", ["a-1", "a-2 | D:b=2", "b-1", "b-2 | D:c=9", "c-1"], "a", "a-1"],
    ["ends in spite of loops", ["a-1 | D:b", "b-1 | D:a"], "a", "b-1 a-1"],
    ["keeps what is installed", ["a-1 | installed", "a-2"], "a", "a-1"],
    [
      "takes another version of what is installed when it must",
      ["a-1 | installed", "a-2", "b-1 | D:a=2"],
      "a b",
      "a-2 b-1",
    ],
    [
      "brings along what goes with all of several",
      ["a-1", "docs-1", "a-doc-1 | i:docs a"],
      "a docs",
      "a-1 docs-1 a-doc-1",
    ],
    ["does not bring it along for one of them", ["a-1", "docs-1", "a-doc-1 | i:docs a"], "a", "a-1"],
    [
      "brings along an older version when the newest cannot be had",
      ["a-1", "a-2 | D:b c", "b-1 | D:d=1", "c-1 | D:d=2", "d-1", "d-2", "a-doc-1 | i:a", "a-doc-2 | i:a | D:!a"],
      "a",
      "a-1 a-doc-1",
    ],
    ["takes the provider of highest priority", ["x-1 | p:sh | k:10", "y-1 | p:sh | k:20"], "sh", "y-1"],
    ["takes the only provider", ["x-1 | p:sh"], "sh", "x-1"],
    ["takes the provider that is wanted anyway", ["x-1 | p:sh", "y-1 | p:sh"], "sh x", "x-1"],
    ["waits for a provider that something else brings", ["x-1 | p:sh", "y-1 | p:sh", "a-1 | D:y"], "sh a", "y-1 a-1"],
    [
      "waits for it also where a package needs it",
      ["x-1 | p:sh", "y-1 | p:sh", "a-1 | D:sh b", "b-1 | D:y"],
      "a",
      "y-1 b-1 a-1",
    ],
    [
      "leaves out what a dependency excludes",
      ["a-1 | D:!b", "b-1", "c-1 | D:d", "b2-1 | p:d", "b-2 | p:d=1"],
      "a c",
      "a-1 b2-1 c-1",
    ],
    ["leaves tagged repositories alone", ["a-1", "a-2 | @edge"], "a", "a-1"],
    [
      "takes from a tagged repository what is asked for there, and what that needs",
      ["a-1", "a-2 | D:b>1 | @edge", "b-1", "b-2 | @edge"],
      "a@edge",
      "b-2 a-2",
    ],
  ])("%s", (_, packages, world, expected) => {
    expect(chosen(packages, world)).toBe(expected);
  });

  test.each<[string, readonly string[], string, RegExp]>([
    ["what is nowhere", ["a-1"], "b", /the request needs b; no package is or provides b/],
    ["who needs what is nowhere", ["a-1 | D:b", "b-0 | D:c>5", "c-1"], "a", /b-0 needs c>5.*there is c-1/],
    ["two that exclude each other", ["a-1 | D:!b", "b-1"], "a b", /needs !b|needs b/],
    ["two versions at once", ["a-1 | D:c=1", "b-1 | D:c=2", "c-1", "c-2"], "a b", /needs c=[12]/],
    ["a choice that only the user can make", ["x-1 | p:sh", "y-1 | p:sh"], "sh", /there is x-1, y-1/],
  ])("explains %s", (_, packages, world, message) => {
    expect(() => chosen(packages, world)).toThrow(
      expect.objectContaining({ code: "APK_UNSATISFIABLE", kind: "usage", message: expect.stringMatching(message) }),
    );
  });
});
