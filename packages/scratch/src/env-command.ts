/**
 * What `#!/usr/bin/env …` starts. The kernel hands all that follows over as one argument; `-S` has env take it apart: words
 * between blanks, quotes, backslashes, options, settings, and then the command (GNU coreutils, "env invocation").
 *
 * @returns undefined where no command is named
 */
export function envCommand(argument: string): string | undefined {
  const [, split] = /^(?:-[iv0]*S|--split-string=)(.*)$/s.exec(argument) ?? [];
  // An option without -S: env has no command then.
  if (split === undefined) return argument === "" || argument.startsWith("-") ? undefined : argument;
  const words = wordsOf(split);
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    // Its value is a word of its own.
    if (/^(?:-[iv0]*[uC]|--unset|--chdir)$/.test(word)) at++;
    else if (word === "--") return words[at + 1];
    else if (!word.startsWith("-") && !word.includes("=")) return word;
  }
  return undefined;
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
