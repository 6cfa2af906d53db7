/**
 * What `#!/usr/bin/env …` starts. The kernel hands all that follows over as one argument; `-S` has env take it apart: words
 * between blanks, quotes, backslashes, options, settings, and then the command (GNU coreutils, "env invocation").
 *
 * @returns undefined where no command is named
 */
export function envCommand(argument: string): string | undefined {
  const [, split] = /^(?:-[iv0]*S|--split-string=)(.*)$/s.exec(argument) ?? [];
  // An option without -S, or a setting: env has no command then. Behind a blank one was meant, which is told elsewhere.
  if (split === undefined) return /^(?:-.*|[^\s=]*=\S*)?$/s.test(argument) ? undefined : argument;
  const words = wordsOf(split);
  let at = 0;
  for (; words[at]?.startsWith("-") === true; at++) {
    if (words[at] === "--") {
      at++;
      break;
    }
    // Its value is a word of its own.
    if (/^(?:-[iv0]*[uC]|--unset|--chdir)$/.test(words[at] ?? "")) at++;
  }
  return words.slice(at).find((word) => !word.includes("="));
}

function wordsOf(text: string): readonly string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const character = text[at] ?? "";
    if (quote !== "" && character === quote) quote = "";
    else if (character === "\\" && quote !== "'") word = (word ?? "") + (text[++at] ?? "");
    else if (quote !== "") word = (word ?? "") + character;
    else if (character === '"' || character === "'") {
      quote = character;
      word ??= "";
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (character === "#" && word === undefined) return words;
    else word = (word ?? "") + character;
  }
  return word === undefined ? words : [...words, word];
}
