import { createHash } from "node:crypto";
import { type Context, type Digest, type Entry, type Layer, printable } from "@base-kit/core";
import { decompress } from "@base-kit/store";
import { type Member, TarReader } from "@base-kit/tar";
import { expectSame, invalid } from "./invalid.ts";

export interface LayerCheck {
  readonly name: string;
  readonly signal?: AbortSignal | undefined;
  /** Knows which layers were found sound before. */
  readonly store?: Context["store"] | undefined;
}

/** Layers all of whose bytes this process has just read and compared. */
const compared = new WeakSet<Layer>();

/** Says so of a layer that was put together from parts with the right digests. */
export function noteCompared(layer: Layer): void {
  compared.add(layer);
}

/**
 * Reads the layer and compares it with its digest, size and diffID, and looks at it as a tar. When exactly these bytes were found
 * sound before, their digest is enough: unpacking them again could only tell the same. Where they have just been read from the store
 * and compared, not even that is done again.
 *
 * @throws BaseKitError `IMAGE_INVALID` (verification)
 */
export async function validateLayer(layer: Layer, check: LayerCheck): Promise<void> {
  const { name, signal, store } = check;
  const key = soundKey(layer);
  const isKnown = (await store?.recall(key)) !== undefined;
  if (isKnown && compared.has(layer)) return;
  // Fresh memory for each chunk takes as long as hashing it.
  const blob = hashed(layer.open({ lent: isKnown }), signal);
  if (isKnown) for await (const _ of blob.chunks);
  const unpacked = isKnown ? undefined : await readTree(layer, blob.chunks, name);
  const diffId = isKnown ? layer.diffId : (unpacked ?? blob.digest());
  expectSame(`digest of ${name}`, layer.digest, blob.digest());
  expectSame(`size of ${name}`, String(layer.size), String(blob.size()));
  expectSame(`diffID of ${name}`, layer.diffId, diffId);
  // Where nothing can be kept, it is looked at again the next time.
  if (!isKnown && store !== undefined) await noteSound(layer, store);
}

/** Raised when more comes to be checked. */
const CHECKS = 1;

type Checked = Pick<Layer, "digest" | "diffId" | "compression" | "kept">;

function soundKey({ kept, digest, diffId, compression }: Checked): string {
  return `sound layer ${CHECKS}${kept === true ? " kept" : ""} ${digest} ${diffId} ${compression}`;
}

/** Says that just this layer was looked at, by who saw its bytes pass: its digest is enough then. */
export async function noteSound(layer: Checked, store: Context["store"]): Promise<void> {
  await store.remember(soundKey(layer), Buffer.from("sound")).catch(() => {});
}

/** Looks at the layer as a tar; its digest, where that is another one than that of the blob. */
async function readTree(
  layer: Pick<Layer, "compression" | "kept">,
  blob: AsyncIterable<Uint8Array>,
  name: string,
): Promise<Digest | undefined> {
  // A kept layer was checked by its diffID and applied by who took it over; the rules are those of our own.
  const reader = layer.kept === true ? new TarReader({ name, onEntry: () => {} }) : treeReader(name);
  const unpacked = layer.compression === "none" ? undefined : hashed(decompress(blob), undefined);
  for await (const chunk of unpacked?.chunks ?? blob) reader.push(chunk);
  reader.end();
  return unpacked?.digest();
}

/**
 * Reads what is pushed in as the tar of a layer of ours.
 *
 * @throws BaseKitError `IMAGE_INVALID` (verification), `TAR_…` (unsupported) from its methods
 */
export function treeReader(name: string): TarReader {
  return new TarReader({ name, onEntry: treeRules(name) });
}

/** Every path once, a folder before what is in it, hard links after their file, no deletion marks. */
function treeRules(name: string): (entry: Entry | Member) => void {
  const seen = new Set<string>();
  const folders = new Set<string>();
  const others = new Set<string>();
  return (entry) => {
    const { path } = entry;
    if (seen.has(path)) invalid(name, "every path once", `${shown(path)} twice`);
    if (folders.has(path)) invalid(name, "folders before what is in them", `${shown(path)} after something in it`);
    if (path.startsWith(".wh.", path.lastIndexOf("/") + 1)) invalid(name, "no deletion marks", shown(path));
    if (entry.type === "hardlink" && !seen.has(entry.target)) {
      invalid(name, "hard links after what they link to", `${shown(path)} before it`);
    }
    const parent = path.slice(0, Math.max(0, path.lastIndexOf("/")));
    if (others.has(parent)) invalid(name, "entries in folders only", `${shown(path)} in something else`);
    seen.add(path);
    if (entry.type !== "directory") others.add(path);
    for (let above: string = path; above !== ""; ) {
      above = above.slice(0, Math.max(0, above.lastIndexOf("/")));
      // What is here already is either listed or known to have been missed.
      if (seen.has(above) || folders.has(above)) break;
      folders.add(above);
    }
  };
}

function shown(path: string): string {
  return printable(`/${path}`);
}

/** A stream that knows the digest and size of what has gone through. */
function hashed(source: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined) {
  const hash = createHash("sha256");
  let size = 0;
  const chunks = async function* () {
    for await (const chunk of source) {
      signal?.throwIfAborted();
      hash.update(chunk);
      size += chunk.length;
      yield chunk;
    }
  };
  return { chunks: chunks(), digest: (): Digest => `sha256:${hash.copy().digest("hex")}`, size: () => size };
}
