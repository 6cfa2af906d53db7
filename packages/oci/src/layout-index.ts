import { readFile, stat, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { BaseKitError, printable, systemErrorCode } from "@base-kit/core";
import { writeFileAtomically } from "@base-kit/store";
import { MEDIA_TYPE } from "./media-types.ts";

/** `index.json` of an OCI image layout, as far as it is not others' business. */
export interface LayoutIndex {
  readonly schemaVersion: 2;
  readonly manifests: readonly LayoutManifest[];
}

export interface LayoutManifest {
  readonly annotations?: Readonly<Record<string, string>>;
}

const TAG = "org.opencontainers.image.ref.name";

/** An empty index when there is none yet. */
export async function readIndex(directory: string): Promise<LayoutIndex> {
  let text: string;
  try {
    text = await readFile(join(directory, "index.json"), "utf8");
  } catch (error) {
    if (systemErrorCode(error) !== "ENOENT") throw error;
    return { schemaVersion: 2, ...{ mediaType: MEDIA_TYPE.index }, manifests: [] };
  }
  try {
    const index = JSON.parse(text) as LayoutIndex;
    if (Array.isArray(index.manifests)) return index;
  } catch {
    // Told below, as for an index without manifests.
  }
  throw new BaseKitError("LAYOUT_INVALID", `${printable(directory)} has an index.json that is not an OCI image index`, {
    kind: "unsupported",
    hint: "Choose another directory; this one was left as it is.",
  });
}

export function tagged<T extends object>(manifest: T, tag: string): T & LayoutManifest {
  return { ...manifest, annotations: { [TAG]: tag } };
}

/** Adds a manifest in the place of the one with its tag. Two builds may add to one layout at once, so one waits for the other. */
export async function addToIndex(
  directory: string,
  manifest: LayoutManifest,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  const unlock = await lock(join(directory, "index.json.lock"), signal);
  try {
    const before = await readIndex(directory);
    const others = before.manifests.filter(({ annotations }) => annotations?.[TAG] !== manifest.annotations?.[TAG]);
    const index = Buffer.from(JSON.stringify({ ...before, manifests: [...others, manifest] }));
    await writeFileAtomically(join(directory, "index.json"), [index], { replaceLinks: true });
  } finally {
    await unlock();
  }
}

/** It is held for milliseconds; an older one is left of a process that was killed. */
const ABANDONED_MS = 10_000;
const POLL_MS = 20;

async function lock(path: string, signal: AbortSignal): Promise<() => Promise<void>> {
  for (;;) {
    signal.throwIfAborted();
    try {
      await writeFile(path, String(process.pid), { flag: "wx" });
      return () => unlink(path).catch(() => {});
    } catch (error) {
      if (systemErrorCode(error) !== "EEXIST") throw error;
    }
    const held = await stat(path).catch(() => undefined);
    // One of the future, too: the clock was set back, or that of a machine that shares the folder is ahead.
    if (held !== undefined && Math.abs(Date.now() - held.mtimeMs) > ABANDONED_MS) await unlink(path).catch(() => {});
    await sleep(POLL_MS);
  }
}
