import { createHash } from "node:crypto";
import type { Entry, Segment } from "@base-kit/core";
import { directoryEntry } from "@base-kit/rootfs";
import type { Changes } from "@base-kit/sandbox";
import { addGroup, addUser, groupNumber } from "./accounts.ts";
import { installBusybox } from "./busybox-links.ts";
import { updateCaCertificates } from "./ca-certificates.ts";
import { bareText, commandsOf } from "./script-commands.ts";
import { entryAt, initialState, linkAt, type NativeState, type Outcome, withEntries } from "./state.ts";

export interface KnownScript {
  /** For people. */
  readonly file: string;
  readonly content: Buffer;
  readonly args: readonly string[];
}

export interface AppliedScripts {
  readonly changes: Changes;
  /** Those that do something that is not known here: nothing of them was applied. */
  readonly skipped: readonly string[];
}

/**
 * What scripts would do to a tree, without running any: groups and accounts of services, busybox's links, certificates. A script is applied
 * only when all of it is known, and then leaves what the script itself would leave.
 */
export async function applyKnown(
  { segments, epoch }: { readonly segments: readonly Segment[]; readonly epoch: number },
  scripts: readonly KnownScript[],
): Promise<AppliedScripts> {
  const skipped: string[] = [];
  let state = initialState(segments, epoch);
  for (const script of scripts) {
    const after = await applyScript(script, state);
    if (after === undefined) skipped.push(script.file);
    else state = after;
  }
  return { changes: { entries: [...state.entries.values()], removed: [...state.removed] }, skipped };
}

async function applyScript({ content, args }: KnownScript, state: NativeState): Promise<Outcome> {
  const text = content.toString("utf8");
  const whole = WHOLE.get(createHash("sha256").update(bareText(text)).digest("hex"));
  if (whole !== undefined) return whole(args, state);
  const commands = commandsOf(text);
  if (commands === undefined) return undefined;
  let after: Outcome = state;
  for (const command of commands) after = after && (await applyCommand(command, after));
  return after;
}

function applyCommand([program = "", ...words]: readonly string[], state: NativeState): Outcome | Promise<Outcome> {
  switch (program.replace(/^\/(?:usr\/)?s?bin\//, "")) {
    case "addgroup":
      return addGroup(words, state);
    case "adduser":
      return addUser(words, state);
    case "busybox":
      return busybox(words, state);
    case "update-ca-certificates":
      return words.every((word) => word === "--fresh") ? updateCaCertificates(state) : undefined;
    case "ldconfig":
      // musl looks into the folders themselves; glibc has a cache, which only its own program makes.
      return words.length === 0 && isMusl(state) ? state : undefined;
    default:
      return undefined;
  }
}

function busybox([applet, ...words]: readonly string[], state: NativeState): Outcome | Promise<Outcome> {
  if (applet === "--install" && words.join(" ") === "-s") return installBusybox(state);
  if (applet !== "mkdir" || words[0] !== "-p" || !words.every((word) => /^(?:-p|\/(?:usr\/)?s?bin)$/.test(word)))
    return undefined;
  const missing = words.slice(1).filter((path) => entryAt(state, path.slice(1)) === undefined);
  return withEntries(
    state,
    missing.map((path) => directoryEntry(path.slice(1), { mtime: state.epoch })),
  );
}

function isMusl({ there }: NativeState): boolean {
  return [...there.keys()].some((path) => /^lib\/ld-musl-[^/]+$/.test(path));
}

/** Scripts with conditions in them, by the SHA-256 of what a shell sees of them. */
const WHOLE: ReadonlyMap<string, (args: readonly string[], state: NativeState) => Outcome | Promise<Outcome>> = new Map(
  [
    // Trigger of busybox 1.36 (Alpine 3.20).
    ["994248e71ff6ccf13b1529faf08174b460755ae210dd70e5c9785c2142f99d86", busyboxTrigger],
    // After the installation of alpine-baselayout 3.6 (Alpine 3.20).
    ["b54845667630d44dc7148593387a4a9a32041d451434ce7292cf5f67d6bdf9d8", protectShadow],
  ],
);

async function busyboxTrigger(args: readonly string[], state: NativeState): Promise<Outcome> {
  const isForModules = args.some((path) => path.startsWith("/lib/modules/"));
  if (isForModules || entryAt(state, "bin/bbsuid") !== undefined) return undefined;
  const hasExtras = entryAt(state, "bin/busybox-extras") !== undefined;
  const first = hasExtras ? await installBusybox(state, "busybox-extras") : state;
  return first && installBusybox(first);
}

async function protectShadow(_: readonly string[], state: NativeState): Promise<Outcome> {
  const gid = await groupNumber(state, "shadow");
  if (gid === undefined || linkAt(state, "etc/profile.d/color_prompt.sh") !== undefined) return undefined;
  const files = ["etc/shadow", "etc/shadow-"].map((path) => entryAt(state, path));
  const owned = files.filter((entry) => entry !== undefined && (entry.uid !== 0 || entry.gid !== gid));
  return withEntries(
    state,
    owned.map((entry): Entry => ({ ...(entry as Entry), uid: 0, gid })),
  );
}
