import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** An archive as apt knows it: one URI and one suite of sources.list(5). */
export interface AptSource {
  readonly uri: string;
  readonly suite: string;
  readonly components: readonly string[];
  /** A keyring file; absent when none is named, or the key stands in the source itself. */
  readonly signedBy?: string;
}

/** The binary sources of a system, one-line and deb822 files in apt's order. Files that cannot be read count as empty. */
export async function readAptSources(etcApt = "/etc/apt"): Promise<readonly AptSource[]> {
  const parts = join(etcApt, "sources.list.d");
  const names = (await readdir(parts).catch(() => [])).filter((name) => /^[\w.-]+\.(list|sources)$/.test(name)).sort();
  const files = [join(etcApt, "sources.list"), ...names.map((name) => join(parts, name))];
  const texts = await Promise.all(
    files.map(async (file) => [file, await readFile(file, "utf8").catch(() => "")] as const),
  );
  return texts.flatMap(([file, text]) =>
    file.endsWith(".sources") ? parseDeb822Sources(text) : parseOneLineSources(text),
  );
}

/** `deb [option=value …] uri suite component…`. */
export function parseOneLineSources(text: string): readonly AptSource[] {
  return text.split("\n").flatMap((line) => {
    const [, options = "", rest = ""] = line.replace(/#.*/, "").match(/^\s*deb\s+(?:\[([^\]]*)\]\s+)?(.*)$/) ?? [];
    const [uri, suite, ...components] = words(rest);
    if (uri === undefined || suite === undefined) return [];
    const signedBy = words(options)
      .find((option) => option.startsWith("signed-by="))
      ?.slice("signed-by=".length);
    return [source({ uri, suite, components, signedBy })];
  });
}

/** Stanzas of `Types`, `URIs`, `Suites`, `Components`, `Signed-By`; each URI with each suite is a source. */
export function parseDeb822Sources(text: string): readonly AptSource[] {
  const uncommented = text.replace(/^#.*\n?/gm, "");
  return uncommented.split(/\n\s*\n/).flatMap((stanza) => {
    const field = (name: string): string =>
      stanza.match(new RegExp(`^${name}:((?:.*)(?:\\n[ \\t].*)*)`, "mi"))?.[1]?.trim() ?? "";
    const isUsed = words(field("Types")).includes("deb") && field("Enabled").toLowerCase() !== "no";
    if (!isUsed) return [];
    const rest = { components: words(field("Components")), signedBy: field("Signed-By") };
    return words(field("URIs")).flatMap((uri) =>
      words(field("Suites")).map((suite) => source({ uri, suite, ...rest })),
    );
  });
}

interface RawSource extends Omit<AptSource, "signedBy"> {
  readonly signedBy: string | undefined;
}

function source({ signedBy = "", ...rest }: RawSource): AptSource {
  const keyring = signedBy.split(/[\s,]+/).find((word) => word.startsWith("/"));
  return keyring === undefined ? rest : { ...rest, signedBy: keyring };
}

function words(text: string): readonly string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}
