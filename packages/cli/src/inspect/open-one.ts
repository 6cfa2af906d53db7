import {
  BaseKitError,
  type Context,
  formatPlatform,
  hostPlatform,
  type Image,
  parsePlatform,
  printable,
} from "@base-kit/core";
import { imagesOf } from "@base-kit/oci";
import { type ImageSource, type OpenSourceOptions, openSource } from "../sources.ts";

export type SourceFlags = Pick<OpenSourceOptions, "importer" | "dockerHost" | "dockerContext"> & {
  readonly arch?: string;
};

export interface OneImage {
  readonly source: ImageSource;
  readonly image: Image;
}

/**
 * One image of a source: for the architecture that is asked for, else this machine's, else the only or first one.
 *
 * @throws BaseKitError as `openSource`
 */
export async function openOne(text: string, flags: SourceFlags, context: Context): Promise<OneImage> {
  const { arch, ...engine } = flags;
  const wanted = arch === undefined ? undefined : parsePlatform(arch);
  const source = await openSource(text, context, { ...engine, ...(wanted === undefined ? {} : { platform: wanted }) });
  const images = imagesOf(source.node);
  const preferred = formatPlatform(wanted ?? hostPlatform());
  const image = images.find(({ platform }) => formatPlatform(platform) === preferred);
  if (image !== undefined || wanted === undefined) return { source, image: image ?? source.images[0] };
  throw new BaseKitError("IMAGE_NOT_FOUND", `${printable(text)} does not hold an image for ${preferred}`, {
    kind: "unsupported",
  });
}
