import { lstat, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { isStale, liveLeases } from "./lease.ts";
import { incomingFolder, KEPT_FOLDERS, leasesFolder } from "./store-layout.ts";

export interface StoredItem {
  /** A file that was fetched, under its SHA-256; or the result of some work, under a digest of what it depends on. */
  readonly kind: "file" | "result";
  /** 64 hexadecimal digits. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Seconds since 1970. */
  readonly lastUsed: number;
}

/** All that a store's folder holds, what was used last first. What others remove meanwhile is left out. */
export async function listStore(dir: string): Promise<readonly StoredItem[]> {
  const items = await itemsIn(dir);
  return items
    .map(({ kind, name, size, usedMs }) => ({ kind, name, size, lastUsed: Math.floor(usedMs / 1000) }))
    .sort((a, b) => b.lastUsed - a.lastUsed || (a.name < b.name ? -1 : 1));
}

export interface Pruned {
  readonly removed: { readonly items: number; readonly bytes: number };
  readonly kept: { readonly items: number; readonly bytes: number };
  /** Bytes beyond the limit that stay because a running process has looked them up. */
  readonly inUse: number;
}

/**
 * Removes what was not used for the longest time until no more than `maxSize` bytes are left, but nothing that another
 * running process has used; and what killed processes have left.
 */
export async function pruneStore(dir: string, { maxSize }: { readonly maxSize: number }): Promise<Pruned> {
  const abandoned = await removeAbandoned(dir);
  const leases = await liveLeases(dir);
  const protectedFrom = Math.min(...leases.map(({ since }) => since));
  const items = [...(await itemsIn(dir))].sort((a, b) => a.usedMs - b.usedMs);
  let bytes = items.reduce((sum, { size }) => sum + size, 0);
  let removed = abandoned;
  let kept = items.length;
  for (const { path, size, usedMs } of items) {
    if (bytes <= maxSize || usedMs >= protectedFrom) break;
    // Unless somebody has used it since it was listed.
    const now = await lstat(path).catch(() => undefined);
    if (now?.mtimeMs === usedMs) {
      await rm(path, { force: true });
      removed = { items: removed.items + 1, bytes: removed.bytes + size };
    } else if (now !== undefined) continue;
    bytes -= size;
    kept -= 1;
  }
  return { removed, kept: { items: kept, bytes }, inUse: Math.max(0, bytes - maxSize) };
}

/** A lease, or a file that the holder of one is writing. */
const OWN_NAME = /^(\d+-[0-9a-f]{12})(?:-[0-9a-f]{12})?$/;

/** Removes the half-written files and leases of processes that were killed. */
export async function removeAbandoned(dir: string): Promise<Pruned["removed"]> {
  const live = new Set((await liveLeases(dir)).map(({ name }) => name));
  let items = 0;
  let bytes = 0;
  for (const folder of [incomingFolder(dir), leasesFolder(dir)]) {
    for (const name of await readdir(folder).catch(() => [])) {
      const path = join(folder, name);
      const owner = OWN_NAME.exec(name)?.[1];
      // The folder may be one that somebody named by mistake: what is not ours stays.
      if (owner === undefined || live.has(owner) || !(await isStale(path))) continue;
      const size = (await lstat(path).catch(() => undefined))?.size ?? 0;
      await rm(path, { force: true }).catch(() => {});
      items += folder === incomingFolder(dir) ? 1 : 0;
      bytes += size;
    }
  }
  return { items, bytes };
}

interface Item {
  readonly kind: StoredItem["kind"];
  readonly name: string;
  readonly path: string;
  readonly size: number;
  readonly usedMs: number;
}

async function itemsIn(dir: string): Promise<readonly Item[]> {
  const items: Item[] = [];
  for (const folder of KEPT_FOLDERS) {
    const kind = folder === "sha256" ? "file" : "result";
    for (const part of await readdir(join(dir, folder)).catch(() => [])) {
      const names = await readdir(join(dir, folder, part)).catch(() => []);
      const found = await Promise.all(names.map((name) => lstat(join(dir, folder, part, name)).catch(() => undefined)));
      for (const [index, stats] of found.entries()) {
        const name = names[index] as string;
        if (stats?.isFile() !== true || !/^[0-9a-f]{64}$/.test(name)) continue;
        items.push({ kind, name, path: join(dir, folder, part, name), size: stats.size, usedMs: stats.mtimeMs });
      }
    }
  }
  return items;
}
