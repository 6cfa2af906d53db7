import { spawnSync } from "node:child_process";
import { requires } from "@base-kit/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { envCommand } from "../src/env-command.ts";

/** What env says it starts; with this PATH nothing is found, and each variable stands for how it is written. */
function startedByEnv(argument: string): string | undefined {
  const variables = [...argument.matchAll(/\$\{([A-Za-z_]\w*)\}/g)].map(([written, name]) => [name, written]);
  const env = { ...Object.fromEntries(variables), PATH: "/nowhere", LC_ALL: "C" };
  const { stderr } = spawnSync("/usr/bin/env", ["-v", argument], { env, encoding: "utf8" });
  return /^executing: (.*?)\n {3}arg\[0\]=/ms.exec(stderr)?.[1];
}

const PIECES = [
  ...[" ", "\t", "\v", "'", '"', "\\", "#", "$", "${", "}", "=", "\u00a0"],
  ...["\\_", "\\c", "\\n", "\\\\", "\\#", "\\$", "\\'", '\\"', "\\x", "\\ ", "''", '""'],
  ...["a", "tool ", "A=b ", "_", "c"],
];
const OPTIONS = ["-i ", "-u X ", "-iS", "-S ", "--unset=X ", "-- "];

function several(pieces: readonly string[], maxLength: number) {
  return fc.array(fc.constantFrom(...pieces), { maxLength }).map((chosen) => chosen.join(""));
}

describe.skipIf(requires("env").skip)("the command of an argument of env", () => {
  test.each([
    "tool \\c x",
    "tool\\c'",
    "\\c tool",
    "a\\_b",
    '"a\\_b" c',
    "'a\\_b' c",
    "\\_\\_tool\\_x",
    "A=1\\_tool",
    "-i\\_-u\\_X\\_tool",
    "\\_# tool",
    '"tool\\c"',
    "'tool\\c'",
    "a\\nb",
    '"a\\tb"',
    "a\\ b",
    "tool\\",
    "tool 'x",
    "tool $x",
    "tool ${x",
    "'it\\'s'",
    "'a\\\\b\\n'",
    '""# x',
    "-S 'tool x'",
    "-iStool x",
    "tool\r",
    `\${_}`,
    `\${a}b x`,
    `"\${a} b" \${c}`,
    `'\${a}'`,
  ])("-S%s is what env starts", (text) => {
    expect(envCommand(`-S${text}`)).toBe(startedByEnv(`-S${text}`));
  });

  test("is what env starts, whatever stands behind -S", () => {
    fc.assert(
      fc.property(several(OPTIONS, 3), several(PIECES, 10), (options, words) => {
        const argument = `-S${options}${words}`;
        expect(envCommand(argument)).toBe(startedByEnv(argument));
      }),
      { numRuns: 500 },
    );
  });
});
