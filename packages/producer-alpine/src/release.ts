import { BaseKitError, printable } from "@base-kit/core";

/** What the user named, as a folder of the mirror and perhaps one version in it. */
export interface Release {
  /** `v3.20`, `edge` or `latest-stable`. */
  readonly branch: string;
  /** `3.20.3`; the newest of the branch when undefined. */
  readonly version?: string;
}

const NUMBERED = /^v?(\d{1,3}\.\d{1,3})(\.\d{1,3}(?:_(?:alpha|beta|rc)\d{1,3})?)?$/;
const SNAPSHOT_OF_EDGE = /^\d{8}$/;

/**
 * `3.20`, `v3.20`, `3.20.3`, `edge`, `20240923` (a snapshot of edge), `latest-stable`; the last when nothing is named. These
 * forms become paths and URLs, so nothing else is let through.
 *
 * @throws BaseKitError `ALPINE_RELEASE_INVALID` (usage)
 */
export function parseRelease(text = "latest-stable"): Release {
  if (text === "edge" || text === "latest-stable") return { branch: text };
  if (SNAPSHOT_OF_EDGE.test(text)) return { branch: "edge", version: text };
  const [, branch, rest] = NUMBERED.exec(text) ?? [];
  if (branch === undefined) {
    throw new BaseKitError("ALPINE_RELEASE_INVALID", `${printable(text)} is not the name of an Alpine release`, {
      kind: "usage",
      hint: "Alpine releases are named like 3.20, 3.20.3, edge or latest-stable.",
    });
  }
  return rest === undefined ? { branch: `v${branch}` } : { branch: `v${branch}`, version: branch + rest };
}
