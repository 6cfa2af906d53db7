import { bytesFromText, printable, type RuntimeConfig } from "@base-kit/core";
import { resolvePath, type SearchRoot } from "@base-kit/elf";
import type { FeatureInput } from "./features.ts";

const FOLDER = "/usr/lib/locale";
const ARCHIVE = `${FOLDER}/locale-archive`;

/** A variable that names a locale which glibc has to read: only `C` and `POSIX` are in the library itself. */
export function localeEvidence({ runtime, closures }: FeatureInput): string | undefined {
  if (closures.libcFolders().length === 0) return undefined;
  const [named] = namedLocales(runtime);
  return named === undefined ? undefined : `the variable ${named.variable}=${printable(named.locale)}`;
}

/** The locales that the variables name, and no others: all of them are hundreds of megabytes on some machines. */
export async function addLocales({ runtime, root, tree, context }: FeatureInput): Promise<void> {
  const named = namedLocales(runtime);
  if (named.length === 0) await tree.take(bytesFromText(FOLDER));
  for (const { variable, locale } of named) {
    const folder = folderOf(root, locale);
    // The archive is one file for all.
    if ((await tree.take(bytesFromText(folder ?? ARCHIVE))) !== undefined) continue;
    context.reporter.emit({
      type: "warned",
      code: "SCRATCH_NO_LOCALE",
      message: `the variable ${variable} names the locale ${printable(locale)}, which ${root.name === "" ? "this machine" : printable(root.name)} does not have: localedef or locale-gen makes it`,
    });
  }
}

function namedLocales({ env = {} }: RuntimeConfig): readonly { readonly variable: string; readonly locale: string }[] {
  return Object.entries(env)
    .filter(([variable, locale]) => /^(?:LANG|LC_[A-Z]+)$/.test(variable) && /^[\w@.+-]+$/.test(locale))
    .filter(([, locale]) => locale !== "C" && locale !== "POSIX")
    .map(([variable, locale]) => ({ variable, locale }));
}

/** As glibc looks for it (intl/l10nflist.c): the character set as it is written, or in lower case without punctuation. */
function folderOf(root: SearchRoot, locale: string): string | undefined {
  const [, language = "", charset, modifier = ""] = /^([^.@]*)(?:\.([^@]*))?(@.*)?$/.exec(locale) ?? [];
  const charsets =
    charset === undefined ? [""] : [`.${charset}`, `.${charset.toLowerCase().replace(/[^a-z0-9]/g, "")}`];
  return charsets
    .map((each) => `${FOLDER}/${language}${each}${modifier}`)
    .find((path) => resolvePath(root, bytesFromText(path))?.node.type === "directory");
}
