import fc from "fast-check";
import { expect, test } from "vitest";
import { parseDeb822Sources, parseOneLineSources } from "../src/apt-sources.ts";

test("one-line sources, with and without options", () => {
  const text = `# deb http://commented/ bookworm main
deb http://a.example.org/debian bookworm main contrib # a comment
deb [arch=amd64 signed-by=/usr/share/keyrings/a.gpg] http://b.example.org/debian/ sid main
deb-src http://a.example.org/debian bookworm main
deb http://flat.example.org/ ./
`;
  expect(parseOneLineSources(text)).toEqual([
    { uri: "http://a.example.org/debian", suite: "bookworm", components: ["main", "contrib"] },
    { uri: "http://b.example.org/debian/", suite: "sid", components: ["main"], signedBy: "/usr/share/keyrings/a.gpg" },
    { uri: "http://flat.example.org/", suite: "./", components: [] },
  ]);
});

test("deb822 sources: each address with each suite", () => {
  const text = `Types: deb deb-src
# a comment in the middle
URIs: http://a.example.org/debian
Suites: bookworm bookworm-updates
Components: main
 contrib
Signed-By: /usr/share/keyrings/a.gpg

Types: deb-src
URIs: http://source.example.org/
Suites: bookworm
Components: main

Types: deb
Enabled: no
URIs: http://off.example.org/
Suites: bookworm
Components: main

types: deb
uris: http://c.example.org/debian http://d.example.org/debian
suites: sid
components: main
signed-by:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBF
 -----END PGP PUBLIC KEY BLOCK-----
`;
  const signed = { components: ["main", "contrib"], signedBy: "/usr/share/keyrings/a.gpg" };
  expect(parseDeb822Sources(text)).toEqual([
    { uri: "http://a.example.org/debian", suite: "bookworm", ...signed },
    { uri: "http://a.example.org/debian", suite: "bookworm-updates", ...signed },
    { uri: "http://c.example.org/debian", suite: "sid", components: ["main"] },
    { uri: "http://d.example.org/debian", suite: "sid", components: ["main"] },
  ]);
});

test("no text makes the readers fail", () => {
  const lines = fc.constantFrom(
    "Types: deb",
    "URIs: http://x",
    "Suites: a b",
    " c",
    "",
    "deb [a=b] u s c",
    "Signed-By:",
    "# x",
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(lines, fc.string())), (parts) => {
      for (const source of [...parseDeb822Sources(parts.join("\n")), ...parseOneLineSources(parts.join("\n"))]) {
        expect(source.uri).not.toMatch(/\s|^$/);
        expect(source.suite).not.toMatch(/\s|^$/);
      }
    }),
  );
});
