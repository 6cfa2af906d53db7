/**
 * What `#!/usr/bin/env …` starts. The kernel hands all that follows over as one argument; `-S` has env take it apart: words
 * between blanks, quotes, backslashes, options, settings, and then the command (GNU coreutils, "env invocation").
 *
 * What `${NAME}` stands for is known only when the script is started; it is left as it is.
 *
 * @returns undefined where no command is named, or env would refuse the text
 */
export function envCommand(argument: string): string | undefined {
  const split = splitString(argument);
  // An option without -S, or a setting: env has no command then. Behind a blank one was meant, which is told elsewhere.
  if (split === undefined) return /^(?:-.*|[^\s=]*=\S*)?$/s.test(argument) ? undefined : argument;
  const words = wordsBehindOptions(wordsOf(split));
  return words?.find((word) => !word.includes("="));
}

function wordsBehindOptions(words: readonly string[] | undefined): readonly string[] | undefined {
  const [word, ...rest] = words ?? [];
  if (word?.startsWith("-") !== true) return words;
  if (word === "--") return rest;
  // Its value is a word of its own.
  const [value = "", ...behind] = rest;
  if (/^(?:-[iv0]*[uC]|--unset|--chdir)$/.test(word)) return wordsBehindOptions(behind);
  const isApart = /^(?:-[iv0]*S|--split-string)$/.test(word);
  const split = isApart ? value : splitString(word);
  if (split === undefined) return wordsBehindOptions(rest);
  const inner = wordsOf(split);
  return inner && wordsBehindOptions([...inner, ...(isApart ? behind : rest)]);
}

/** What is given to `-S`, within one word. */
function splitString(word: string): string | undefined {
  return /^(?:-[iv0]*S|--split-string=)(.*)$/s.exec(word)?.[1];
}

/** A blank, 'text', "text", or one character of a word. */
const PART =
  /((?:[ \t\n\v\f\r]|\\_)+)|'((?:\\[\\']|\\(?![\\'])|[^\\'])*)'|"((?:\\[fnrtv#$"'\\_]|\$\{[A-Za-z_]\w*\}|[^\\"$])*)"|\\[fnrtv#$"'\\c]|\$\{[A-Za-z_]\w*\}|[^\\'"$]/gsuy;

/** What stands for a character that is not written as itself. */
const ESCAPED: Readonly<Record<string, string>> = { f: "\f", n: "\n", r: "\r", t: "\t", v: "\v", _: " " };

/** @returns undefined for a quote without an end, and a backslash or dollar sign that means nothing */
function wordsOf(text: string): readonly string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let end = 0;
  for (const { 0: part, 1: blank, 2: single, 3: double } of text.matchAll(PART)) {
    end += part.length;
    if (part === "\\c" || (part === "#" && word === undefined)) return word === undefined ? words : [...words, word];
    if (blank === undefined) {
      const own = single?.replaceAll(/\\([\\'])/g, "$1") ?? unescaped(double ?? part);
      word = (word ?? "") + own;
    } else if (word !== undefined) {
      words.push(word);
      word = undefined;
    }
  }
  if (end < text.length) return undefined;
  return word === undefined ? words : [...words, word];
}

function unescaped(text: string): string {
  return text.replaceAll(/\\(.)/gs, (_, letter: string) => ESCAPED[letter] ?? letter);
}
