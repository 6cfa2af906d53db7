import { type ByteString, bytesFromText, type Entry, type Segment, textFromBytes } from "@base-kit/core";
import { findEntry, mergedEntries, readTextFile } from "@base-kit/rootfs";

/** A tree, and what scripts would have changed in it so far. Never changed itself, so that a script takes effect as a whole or not at all. */
export interface NativeState {
  readonly segments: readonly Segment[];
  /** What the segments have, by path. */
  readonly there: ReadonlyMap<ByteString, Entry>;
  readonly entries: ReadonlyMap<ByteString, Entry>;
  readonly removed: ReadonlySet<ByteString>;
  /** Seconds since 1970: the time of everything that is made. */
  readonly epoch: number;
}

/** Undefined: something about it is not known well enough to do the same. */
export type Outcome = NativeState | undefined;

export function initialState(segments: readonly Segment[], epoch: number): NativeState {
  const there = new Map(mergedEntries({ segments }).map((entry) => [entry.path, entry]));
  return { segments, there, entries: new Map(), removed: new Set(), epoch };
}

/** What is at a path; symbolic links are followed in the tree, not in what is new. */
export function entryAt({ entries, removed, segments }: NativeState, path: string): Entry | undefined {
  const bytes = bytesFromText(path);
  return removed.has(bytes) ? undefined : (entries.get(bytes) ?? findEntry({ segments }, bytes));
}

export async function textAt(state: NativeState, path: string): Promise<string | undefined> {
  const changed = state.entries.get(bytesFromText(path));
  if (changed?.type !== "file") return readTextFile(state, path);
  const parts: Uint8Array[] = [];
  for await (const part of changed.content()) parts.push(part);
  return Buffer.concat(parts).toString("utf8");
}

export function withEntries(state: NativeState, entries: readonly Entry[]): NativeState {
  const paths = new Set(entries.map(({ path }) => path));
  return {
    ...state,
    entries: new Map([...state.entries, ...entries.map((each) => [each.path, each] as const)]),
    removed: new Set([...state.removed].filter((path) => !paths.has(path))),
  };
}

export function withoutPaths(state: NativeState, paths: readonly ByteString[]): NativeState {
  const entries = new Map([...state.entries].filter(([path]) => !paths.includes(path)));
  const gone = paths.filter((path) => state.there.has(path));
  return { ...state, entries, removed: new Set([...state.removed, ...gone]) };
}

/** Target of the symbolic link at a path. */
export function linkAt({ entries, removed, there }: NativeState, path: string): string | undefined {
  const bytes = bytesFromText(path);
  const entry = entries.get(bytes) ?? (removed.has(bytes) ? undefined : there.get(bytes));
  return entry?.type === "symlink" ? textFromBytes(entry.target) : undefined;
}

/** Names in a folder, sorted; hidden ones left out. */
export function namesIn({ there, entries, removed }: NativeState, folder: string): readonly string[] {
  const prefix = bytesFromText(`${folder}/`);
  const paths = [...there.keys(), ...entries.keys()].filter((path) => path.startsWith(prefix) && !removed.has(path));
  const names = new Set(paths.map((path) => textFromBytes(path.slice(prefix.length) as ByteString)));
  return [...names].filter((name) => !name.includes("/") && !name.startsWith(".")).sort();
}
