import { printable } from "@base-kit/core";
import { cacheDir } from "@base-kit/host";
import { listStore, type Pruned, pruneStore, type StoredItem } from "@base-kit/store";
import { cacheSize } from "../cache-size.ts";
import { parseByteSize } from "../options/byte-size.ts";
import { formatBytes } from "../render/format.ts";

export interface CacheFlags {
  readonly cacheDir?: string;
  readonly maxSize?: string;
}

export interface CacheListing {
  readonly directory: string;
  /** Bytes of all of it. */
  readonly size: number;
  /** Bytes it is kept below after builds. */
  readonly maxSize: number;
  readonly items: readonly StoredItem[];
}

/** `base-kit cache dir`: where it is, whether it is there or not. */
export function cacheDirectory(flags: CacheFlags): string {
  return cacheDir(flags.cacheDir, process.env);
}

/** `base-kit cache ls`: what it holds. */
export async function listCache(flags: CacheFlags): Promise<CacheListing> {
  const directory = cacheDirectory(flags);
  const items = await listStore(directory);
  return { directory, size: items.reduce((sum, { size }) => sum + size, 0), maxSize: cacheSize(process.env), items };
}

export type CachePruned = Pruned & { readonly directory: string };

/** `base-kit cache prune`: removes what was unused for longest until the rest fits. */
export async function pruneCache(flags: CacheFlags): Promise<CachePruned> {
  const directory = cacheDirectory(flags);
  const maxSize = flags.maxSize === undefined ? cacheSize(process.env) : parseByteSize("--max-size", flags.maxSize);
  return { directory, ...(await pruneStore(directory, { maxSize })) };
}

const SHOWN_AT_MOST = 30;

export function renderListing({ directory, size, maxSize, items }: CacheListing): string {
  const rows = items
    .slice(0, SHOWN_AT_MOST)
    .map(
      (item) => `${when(item.lastUsed)}  ${formatBytes(item.size).padStart(8)}  ${item.kind.padEnd(6)}  ${item.name}`,
    );
  const more = items.length > rows.length ? [`and ${items.length - rows.length} more (--json lists all)`] : [];
  const total = `${items.length} items, ${formatBytes(size)} of at most ${formatBytes(maxSize)}, in ${printable(directory)}`;
  return `${[...rows, ...more, total].join("\n")}\n`;
}

export function renderPruned({ removed, kept, inUse }: CachePruned): string {
  const lines = [
    `removed  ${removed.items} items, ${formatBytes(removed.bytes)}`,
    `kept     ${kept.items} items, ${formatBytes(kept.bytes)}`,
    ...(inUse > 0 ? [`         ${formatBytes(inUse)} more than wanted: another base-kit is using it`] : []),
  ];
  return `${lines.join("\n")}\n`;
}

/** To the minute, in UTC as everything else. */
function when(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ");
}
