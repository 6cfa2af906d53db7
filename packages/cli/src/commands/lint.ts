import { type Context, printable, step } from "@base-kit/core";
import { flattenLayers } from "@base-kit/oci";
import { type LintFinding, lintRootfs } from "@base-kit/scratch";
import { openOne, type SourceFlags } from "../inspect/open-one.ts";

export interface Linted {
  readonly name: string;
  readonly findings: readonly LintFinding[];
}

/** `base-kit inspect <image> --lint`: what would keep an image from working, and what should not be in it. */
export async function lint(name: string, flags: SourceFlags, context: Context): Promise<Linted> {
  const { image } = await openOne(name, flags, context);
  const findings = await step(context, `looking through ${printable(name)}`, async ({ detail }) => {
    const { entries } = await flattenLayers(image, context);
    const found = lintRootfs(entries, image.runtime);
    detail(`${entries.length} entries`);
    return found;
  });
  return { name, findings };
}

/** One line per finding; errors first. */
export function renderLint({ findings }: Linted): string {
  if (findings.length === 0) return "nothing was found\n";
  const sorted = [
    ...findings.filter(({ severity }) => severity === "error"),
    ...findings.filter(({ severity }) => severity === "warning"),
  ];
  return sorted
    .map(({ severity, rule, path, message }) => `${severity.padEnd(8)}${printable(path)} ${message} [${rule}]\n`)
    .join("");
}
