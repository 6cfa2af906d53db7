import { randomBytes } from "node:crypto";
import { link, readFile, rename, stat, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { BaseKitError, printable, systemErrorCode, systemErrorReason } from "@base-kit/core";
import { hasEnded, processName, temporaryName, writeFileAtomically } from "@base-kit/store";
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

/**
 * An empty index when there is none yet.
 *
 * @throws BaseKitError `LAYOUT_FOLDER` (environment), `LAYOUT_INVALID` (unsupported)
 */
export async function readIndex(directory: string): Promise<LayoutIndex> {
  let text: string;
  try {
    text = await readFile(join(directory, "index.json"), "utf8");
  } catch (error) {
    if (systemErrorCode(error) !== "ENOENT")
      throw cannotMake(directory, `its index.json cannot be read: ${systemErrorReason(error)}`, error);
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

export function cannotMake(directory: string, why: string, cause?: unknown): BaseKitError {
  return new BaseKitError("LAYOUT_FOLDER", `cannot make the layout ${printable(directory)}: ${why}`, {
    kind: "environment",
    hint: "Choose a place that can be written to. What was there before is untouched.",
    cause,
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

/** It is held for milliseconds, or as long as a busy disk takes; an older one is left of a process that was killed. */
const ABANDONED_MS = 60_000;
const POLL_MS = 20;

async function lock(path: string, signal: AbortSignal): Promise<() => Promise<void>> {
  const own = `${processName()} ${randomBytes(6).toString("hex")}`;
  for (;;) {
    signal.throwIfAborted();
    try {
      await writeFile(path, own, { flag: "wx" });
      return () => takeAway(path, own);
    } catch (error) {
      if (systemErrorCode(error) !== "EEXIST") throw error;
    }
    const held = await readFile(path, "utf8").catch(() => undefined);
    if (held !== undefined && (await isAbandoned(path, held))) await takeAway(path, held);
    else await sleep(POLL_MS);
  }
}

async function isAbandoned(path: string, held: string): Promise<boolean> {
  if (hasEnded(held.split(" ")[0] ?? "") === true) return true;
  const found = await stat(path).catch(() => undefined);
  // One of the future, too: the clock was set back, or that of a machine that shares the folder is ahead.
  return found !== undefined && Math.abs(Date.now() - found.mtimeMs) > ABANDONED_MS;
}

/** Of several that see the same one only one removes it; what has come in its place meanwhile is put back. Never fails. */
async function takeAway(path: string, seen: string): Promise<void> {
  const aside = temporaryName(path);
  try {
    await rename(path, aside);
    if ((await readFile(aside, "utf8")) !== seen) await link(aside, path);
  } catch {
    // Another one was faster.
  }
  await unlink(aside).catch(() => {});
}
