import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseChallenges } from "../src/challenge.ts";

const parsed = (header: string) =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

describe("WWW-Authenticate", () => {
  test.each([
    ['Basic realm="x y"', [["basic", { realm: "x y" }]]],
    [
      'Bearer realm="https://auth.example.com/token",service="registry",scope="repository:a/b:pull,push"',
      [["bearer", { realm: "https://auth.example.com/token", service: "registry", scope: "repository:a/b:pull,push" }]],
    ],
    [
      'BASIC Realm = "x" , Bearer realm=y',
      [
        ["basic", { realm: "x" }],
        ["bearer", { realm: "y" }],
      ],
    ],
    [
      "Negotiate, Basic realm=x",
      [
        ["negotiate", {}],
        ["basic", { realm: "x" }],
      ],
    ],
    [
      "Negotiate dG9rZW4=, Basic realm=x",
      [
        ["negotiate", {}],
        ["basic", { realm: "x" }],
      ],
    ],
    ['Bearer realm="a\\"b\\\\c"', [["bearer", { realm: 'a"b\\c' }]]],
    ['Bearer realm="first", realm="second"', [["bearer", { realm: "first" }]]],
    ['Bearer realm="never ends', [["bearer", {}]]],
    ["Bearer realm=", [["bearer", {}]]],
    [",, ,Basic", [["basic", {}]]],
    ["", []],
    ['="x"', []],
    [`Basic ${"x".repeat(20_000)}`, []],
  ])("%j", (header, expected) => {
    expect(parsed(header)).toEqual(expected);
  });

  test("any list comes back as it was written", () => {
    const token = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/);
    const parameters = fc.uniqueArray(fc.tuple(token, fc.string({ maxLength: 30 })), {
      minLength: 1,
      maxLength: 4,
      selector: ([name]) => name,
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(token, parameters), { maxLength: 4 }), (challenges) => {
        const quoted = (text: string) => `"${text.replace(/["\\]/g, "\\$&")}"`;
        const header = challenges
          .map(([scheme, list]) => `${scheme} ${list.map(([name, value]) => `${name}=${quoted(value)}`).join(", ")}`)
          .join(", ");
        const found = parseChallenges(header).map(({ scheme, parameters }) => [scheme, [...parameters]]);
        expect(found).toEqual(challenges);
      }),
    );
  });

  test("nothing makes it fail or hang", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'Bb a=",\\\t;~', "é", "\u0000"), maxLength: 300 }), (header) => {
        for (const { scheme } of parseChallenges(header)) expect(scheme).toMatch(/^[^\s",=\\]+$/);
      }),
    );
  });
});
