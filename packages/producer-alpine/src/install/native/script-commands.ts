/** A line may tell nobody, and may fail. */
const IGNORED_OUTCOME = /(?:\s*(?:[12]?>\s*\/dev\/null|&>\s*\/dev\/null|2>&1)|\s*\|\|\s*(?:true|:))+\s*$/;
/** The links of busybox do not fail. */
const BUSYBOX_OR_END = /^(\/bin\/busybox --install -s) \|\| exit 1$/;
const INTERPRETER = /^#!\s*\/bin\/(?:busybox\s+)?(?:ash|sh)\s*$/;
const WORD = /\s*(?:"([^"$`\\]*)"|'([^']*)'|([\w@%+=:,./-]+))(?=\s|$)/y;

/**
 * The commands of a shell script that is nothing but a list of them, each as its words; undefined when there is anything more to it, such
 * as a condition or a variable. A command's failure does not end such a script.
 */
export function commandsOf(script: string): readonly (readonly string[])[] | undefined {
  const [first = "", ...lines] = script.replaceAll("\\\n", " ").split("\n");
  if (!INTERPRETER.test(first)) return undefined;
  const commands: (readonly string[])[] = [];
  for (const line of lines) {
    const text = line.trim();
    if (text === "" || text.startsWith("#")) continue;
    const words = wordsOf(text.replace(IGNORED_OUTCOME, "").replace(BUSYBOX_OR_END, "$1"));
    if (words === undefined) return undefined;
    const [name = "", ...rest] = words;
    if (name === "exit") return rest.length === 0 || rest[0] === "0" ? commands : undefined;
    if (name !== "true" && name !== ":") commands.push(words);
  }
  return commands;
}

function wordsOf(text: string): readonly string[] | undefined {
  const words: string[] = [];
  WORD.lastIndex = 0;
  for (let at = 0; at < text.length; at = WORD.lastIndex) {
    const match = WORD.exec(text);
    if (match === null) return undefined;
    words.push(match[1] ?? match[2] ?? match[3] ?? "");
  }
  return words;
}

/** A script without what a shell does not see, for comparison as a whole. */
export function bareText(script: string): string {
  const lines = script.split("\n").map((line) => line.trim());
  return lines.filter((line) => line !== "" && !line.startsWith("#")).join("\n");
}
