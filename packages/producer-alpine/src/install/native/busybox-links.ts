import { bytesFromText, type Entry } from "@base-kit/core";
import { symlinkEntry } from "@base-kit/rootfs";
import { entryAt, type NativeState, type Outcome, textAt, withEntries } from "./state.ts";

/** `busybox --install -s`: a link for each applet where there is nothing yet, by the list that Alpine puts beside the program. */
export async function installBusybox(state: NativeState, program = "busybox"): Promise<Outcome> {
  const list = await textAt(state, `etc/busybox-paths.d/${program}`);
  if (list === undefined || entryAt(state, `bin/${program}`)?.type !== "file") return undefined;
  const paths = list.split("\n").filter((path) => path !== "");
  if (!paths.every((path) => /^(?:usr\/)?s?bin\/[^/]+$/.test(path))) return undefined;
  // A link that leads nowhere is something, too.
  const missing = paths.filter((path) => !state.there.has(bytesFromText(path)) && entryAt(state, path) === undefined);
  const links = missing.map((path): Entry => symlinkEntry(path, `/bin/${program}`, { mtime: state.epoch }));
  return withEntries(state, links);
}
