import { type Context, type Image, parsePlatform } from "@base-kit/core";
import { buildImage } from "@base-kit/oci";
import { describeRootfs, fileEntry } from "@base-kit/rootfs";

let made = 0;

/** A small image unlike any other; `size` bytes of it do not compress. */
export async function testImage(
  context: Context,
  { arch = "amd64", content = Buffer.from(`${process.pid}.${++made}.${Math.random()}`) } = {},
): Promise<Image> {
  const entries = [fileEntry("etc/who", `${arch}\n`), fileEntry("data", content)];
  const segments = [{ key: `${made}`, origin: "base", entries: () => entries }];
  const rootfs = await describeRootfs(segments, parsePlatform(arch));
  return buildImage(rootfs, { created: 1_700_000_000, runtime: { cmd: ["/x"] } }, context);
}
