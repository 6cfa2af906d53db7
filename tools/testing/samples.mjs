// The samples of READMEs and guides: every block of TypeScript is compiled, and a named one is run as well.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** All samples of the repository: README.md, docs/*.md and each package's README.md. */
export function readSamples(root) {
  const packages = readdirSync(join(root, "packages")).map((name) => `packages/${name}/README.md`);
  const guides = readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md"));
  return ["README.md", ...guides.map((name) => `docs/${name}`), ...packages]
    .filter((page) => existsSync(join(root, page)))
    .flatMap((page) => samplesOf(page, readFileSync(join(root, page), "utf8")));
}

/**
 * The `ts` blocks of a page. One whose first line is `// sample: <name>` is whole: it is run. `// sample: <name>/<file>.ts`
 * is a file beside it, which it may import. The others are fragments that compile.
 */
export function samplesOf(page, text) {
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(({ index, 1: code }, number) => {
    const [, name, beside] = /^\/\/ sample: ([\w-]+)(?:\/([\w.-]+\.ts))?\n/.exec(code) ?? [];
    const folder = basename(dirname(page));
    const fallback = `${page.endsWith("README.md") ? folder : basename(page, ".md")}-${number + 1}`;
    return {
      name: name ?? fallback,
      file: `${name ?? fallback}/${beside ?? "sample.ts"}`,
      page,
      line: text.slice(0, index).split("\n").length,
      code,
      isRun: name !== undefined && beside === undefined,
    };
  });
}
