import { BaseKitError, formatPlatform, hostPlatform, type Image, type Platform, printable } from "@base-kit/core";

/**
 * The one image for a sink that can hold only one: the only one there is, or that for this machine.
 *
 * @throws BaseKitError `PLATFORM_NOT_AMONG` (unsupported)
 */
export function imageForHost(images: readonly Image[], sink: string, host: Platform = hostPlatform()): Image {
  const [first, ...others] = images;
  if (first !== undefined && others.length === 0) return first;
  const fitting = images.find(({ platform }) => formatPlatform(platform) === formatPlatform(host));
  if (fitting !== undefined) return fitting;
  const found = images.map(({ platform }) => formatPlatform(platform)).join(", ");
  throw new BaseKitError(
    "PLATFORM_NOT_AMONG",
    `${printable(sink)} holds an image of one platform only, and none of ${found} is this machine's ${formatPlatform(host)}`,
    {
      kind: "unsupported",
      hint: "Choose one with --arch, or an output that holds several: oci:, oci-archive: or a registry. This output was not written.",
    },
  );
}
