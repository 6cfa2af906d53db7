import { type Context, type Digest, printable } from "@base-kit/core";
import { compareImages, type ImageDifference } from "../inspect/compare-images.ts";
import { examine } from "../inspect/examine.ts";
import { openOne, type SourceFlags } from "../inspect/open-one.ts";

export interface DiffFlags extends SourceFlags {
  readonly format?: "text" | "markdown";
}

export interface ComparedImages extends ImageDifference {
  readonly before: { readonly name: string; readonly digest: Digest };
  readonly after: { readonly name: string; readonly digest: Digest };
}

/** `base-kit diff <image> <image>`: what the second one has that the first has not, and the other way round. */
export async function diff(
  [first, second]: readonly [string, string],
  flags: SourceFlags,
  context: Context,
): Promise<ComparedImages> {
  const [one, other] = [await openOne(first, flags, context), await openOne(second, flags, context)];
  const before = await examine(one.image, `reading ${printable(first)}`, context);
  const after = await examine(other.image, `reading ${printable(second)}`, context);
  return {
    before: { name: first, digest: one.image.manifest.digest },
    after: { name: second, digest: other.image.manifest.digest },
    ...(await compareImages(before, after, context)),
  };
}
