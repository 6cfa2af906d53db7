import type { Context } from "@base-kit/core";
import type { ImageResult } from "../result.ts";
import type { CommonOptions } from "../session.ts";

/** What a command answers, and how people are shown it; `--json` prints the answer itself. */
export interface Answer {
  readonly value: unknown;
  readonly text: string;
  readonly exitCode?: number;
}

/** Does a command's work, prints its answer and sets the exit code. */
export type Run = (work: () => Promise<Answer>, options: CommonOptions) => Promise<void>;

export async function session<T>(
  options: CommonOptions,
  work: (context: Context) => Promise<T>,
  render: (value: T) => Promise<string>,
): Promise<Answer & { readonly value: T }> {
  const { withSession } = await import("../session.ts");
  const value = await withSession(options, work);
  return { value, text: await render(value) };
}

export async function imageText(result: ImageResult): Promise<string> {
  const { renderImageResult } = await import("../result.ts");
  return renderImageResult(result);
}
