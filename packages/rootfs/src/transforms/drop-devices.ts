import { filterEntries } from "../filter-entries.ts";
import { eachSegment, type Transform } from "./transform.ts";

/** Leaves device nodes out: an unprivileged engine cannot make them, and every engine brings its own. */
export function dropDevices(): Transform {
  return eachSegment("drop-devices", null, (entries) =>
    filterEntries(entries, ({ type }) => type !== "character-device" && type !== "block-device"),
  );
}
