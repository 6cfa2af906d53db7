import { type Context, type Digest, formatPlatform, printable } from "@base-kit/core";
import { imagesOf } from "@base-kit/oci";
import { examine } from "../inspect/examine.ts";
import { openOne, type SourceFlags } from "../inspect/open-one.ts";
import { type ImageReport, reportOf } from "../inspect/report.ts";

export interface Inspected {
  readonly name: string;
  /** Of the manifest or index that the name leads to. */
  readonly digest: Digest;
  /** All that are there. */
  readonly platforms: readonly string[];
  readonly image: ImageReport;
}

/** `base-kit inspect <image>`: what is in it, wherever it is. */
export async function inspect(name: string, flags: SourceFlags, context: Context): Promise<Inspected> {
  const { source, image } = await openOne(name, flags, context);
  return {
    name,
    digest: source.node.document.digest,
    platforms: imagesOf(source.node).map(({ platform }) => formatPlatform(platform)),
    image: await reportOf(await examine(image, `reading ${printable(name)}`, context)),
  };
}
