import type { Entry } from "@base-kit/core";
import { eachSegment, type Transform } from "./transform.ts";

/** No entry is newer than the epoch (seconds since 1970); older ones keep their time, which tells something. SOURCE_DATE_EPOCH's rule. */
export function clampTimes(epoch: number): Transform {
  return eachSegment("clamp-times", epoch, function* (entries) {
    for (const entry of entries) yield entry.mtime > epoch ? ({ ...entry, mtime: epoch } satisfies Entry) : entry;
  });
}
