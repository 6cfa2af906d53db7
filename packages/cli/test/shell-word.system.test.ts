import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { pathWord, shellWord } from "../src/shell-word.ts";

describe("a word for a shell", () => {
  test.each([
    ["demo/image:1.0", "demo/image:1.0"],
    ["./a_b-c.tar.gz", "./a_b-c.tar.gz"],
    ["größe", "größe"],
    ["", "''"],
    ["a b", "'a b'"],
    ["it's", String.raw`'it'\''s'`],
    ["$HOME", "'$HOME'"],
    ["~", "'~'"],
    ["a\nb", String.raw`$'a\012b'`],
    ["\u001b[31m'\\", String.raw`$'\033[31m\'\\'`],
    ["\u202e", String.raw`$'\342\200\256'`],
  ])("%j is %s", (text, word) => {
    expect(shellWord(text)).toBe(word);
  });

  test("is what the shell makes the text of again, and moves no cursor", () => {
    const texts = fc.sample(fc.string({ unit: "binary", minLength: 1 }), 500).map((text) => text.replaceAll("\0", ""));
    const words = texts.map(shellWord);
    expect(words.filter((word) => /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}]/u.test(word))).toEqual([]);
    const printed = execFileSync("bash", ["-c", `printf '%s\\0' ${words.join(" ")}`], { encoding: "utf8" });
    expect(printed.split("\0").slice(0, -1)).toEqual(texts);
  });

  test.each([
    ["a/b:c", "a/b:c"],
    ["-x.tar", "./-x.tar"],
    ["host:x.tar", "./host:x.tar"],
    ["-", "./-"],
    ["/a b", "'/a b'"],
  ])("of the path %j is neither an option nor a name on another machine: %s", (path, word) => {
    expect(pathWord(path)).toBe(word);
  });
});
