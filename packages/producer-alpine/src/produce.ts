import { createReadStream } from "node:fs";
import {
  BaseKitError,
  type Context,
  type Digest,
  type Layer,
  type Lock,
  type ProduceOptions,
  printable,
  type Rootfs,
  type Segment,
} from "@base-kit/core";
import { describeRootfs, mergedEntries, readTextFile, type TarSegment, tarSegment } from "@base-kit/rootfs";
import { fetchFile } from "@base-kit/store";
import { alpineArchitecture } from "./architecture.ts";
import { install } from "./install/install.ts";
import { type LockedFile, readLock } from "./locked.ts";
import { withEnvironmentCredentials } from "./mirror.ts";

/** As in Docker's alpine image. */
const RUNTIME = {
  env: { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
  cmd: ["/bin/sh"],
} as const;

/** The locked mini root filesystem as it is, or with the locked packages, or the packages alone. */
export async function produce(lock: Lock, context: Context, { keepFailed }: ProduceOptions = {}): Promise<Rootfs> {
  const build = await readLock(lock);
  const architecture = alpineArchitecture(lock.platform);
  const base = build.minirootfs === undefined ? undefined : await minirootfs(build.minirootfs, lock, context);
  if (base !== undefined && build.packages.length === 0 && build.world.length === 0) return base;
  const job = { build, architecture, epoch: lock.sourceDateEpoch, keepFailed };
  const segments = await install(base?.segments ?? [], job, context);
  const made = await describeRootfs(segments, lock.platform, RUNTIME);
  const digests = new Map(build.packages.map(({ name, sha256 }) => [name, sha256]));
  return {
    ...made,
    packages: made.packages.map((each) => {
      const sha256 = digests.get(each.name);
      return sha256 === undefined ? each : { ...each, sha256 };
    }),
  };
}

async function minirootfs(
  { name, url, size, sha256, sha512 }: LockedFile,
  lock: Lock,
  context: Context,
): Promise<Rootfs> {
  const source = { url: withEnvironmentCredentials(url, context.env), size, sha512 };
  const { path } = await fetchFile({ ...source, digest: `sha256:${sha256}` }, context);
  const segment = await tarSegment(path, context, { name });
  const rootfs = await describeRootfs([asPublished(segment, { path, size, sha256 })], lock.platform, RUNTIME);
  await assertArchitecture(rootfs, { name, expected: alpineArchitecture(lock.platform) });
  return rootfs;
}

/** The file itself can be the layer, whose digest is then the checksum that Alpine published, and its diffID everywhere the same. */
function asPublished(
  { unpacked, ...segment }: TarSegment,
  file: { readonly path: string; readonly size: number; readonly sha256: string },
): Segment {
  const entries = mergedEntries({ segments: [segment] });
  const diffId: Digest = `sha256:${unpacked.sha256}`;
  const layer: Layer = {
    mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
    digest: `sha256:${file.sha256}`,
    size: file.size,
    diffId,
    compression: "gzip",
    open: () => createReadStream(file.path, { highWaterMark: 1024 ** 2 }),
  };
  const archive = { path: unpacked.path, size: unpacked.size, digest: diffId };
  return { ...segment, entries: () => entries, archive, layers: [layer] };
}

/** A wrong label on the image would only show on another machine. */
async function assertArchitecture(
  rootfs: Rootfs,
  { name, expected }: { readonly name: string; readonly expected: string },
): Promise<void> {
  const found = (await readTextFile(rootfs, "etc/apk/arch"))?.trim();
  if (found === expected) return;
  const what = found === undefined ? "has no etc/apk/arch" : `is for ${printable(found)}, expected ${expected}`;
  throw new BaseKitError(
    "ALPINE_ROOTFS_INVALID",
    `${printable(name)} is not the root filesystem of an Alpine: it ${what}`,
    {
      kind: "verification",
      hint: "The mirror is not in order; use another one.",
    },
  );
}
