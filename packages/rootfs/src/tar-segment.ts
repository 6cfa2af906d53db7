import { type Context, printable, type Segment } from "@base-kit/core";
import { decompress } from "@base-kit/store";
import { DEFAULT_LIMITS, indexTar } from "@base-kit/tar";
import { openSource } from "./open-source.ts";
import { type Spool, spool } from "./spool.ts";

export interface TarSegmentOptions {
  /** Package or other origin. @default `base` */
  readonly origin?: string;
  /** What messages call the archive. @default the path */
  readonly name?: string;
  /** Bytes the unpacked archive may have. @default 8 GiB */
  readonly maxUnpacked?: number;
}

/** A segment, and the unpacked tar that its entries are read from. */
export interface TarSegment extends Segment {
  readonly unpacked: Spool;
}

/**
 * The entries of a tar file, plain or compressed with gzip, xz or zstd, told by its content and not by its name.
 *
 * @throws BaseKitError `TAR_…` or `DECOMPRESS_…` (unsupported); `ENOENT` and the like as they come from the system
 */
export async function tarSegment(
  path: string,
  context: Pick<Context, "tempDir" | "signal">,
  options: TarSegmentOptions = {},
): Promise<TarSegment> {
  const { origin = "base", name = path, maxUnpacked = DEFAULT_LIMITS.unpacked } = options;
  const source = await openSource(path, context.signal);
  // Entries read their bytes again later, perhaps more than once: from a file of ours that nobody changes meanwhile.
  const unpacked = decompress(source, { limit: maxUnpacked + HEADERS_ALLOWANCE, name: printable(name) });
  const kept = await spool(unpacked, context);
  const entries = indexTar(kept.path, { name, limits: { unpacked: maxUnpacked } });
  return { key: `tar:sha256:${kept.sha256}`, origin, entries: () => entries, unpacked: kept };
}

/** Headers and padding come on top of the content that `maxUnpacked` counts. */
const HEADERS_ALLOWANCE = 4 * 1024 ** 3;
