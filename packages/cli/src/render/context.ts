import { printable } from "@base-kit/core";
import type { ScratchContext } from "@base-kit/scratch";
import { pathWord, shellWord } from "../shell-word.ts";

/** Where the context for `docker build` is, and what to type next. */
export function renderContext({ dir }: Pick<ScratchContext, "dir">, tag = "NAME"): string {
  return `context  ${printable(dir)}\ntry      docker build --tag ${shellWord(tag)} ${pathWord(dir)}\n`;
}
