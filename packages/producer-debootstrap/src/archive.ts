import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { BaseKitError, type Context, printable, redactUrl } from "@base-kit/core";
import { type HostArchiveRequest, hostArchive, packagedKeyring, publicArchive } from "@base-kit/debian-archive";
import { resolveMirror } from "@base-kit/store";
import { PLAIN_PATH } from "./plain-path.ts";
import type { Suite } from "./suite.ts";

/** Where packages come from, and by whom they have to be signed. */
export interface Archive {
  /** As debootstrap is told: `http://…` or `file:///…`, without a slash at the end. */
  readonly mirror: string;
  /** Path of the keyring. */
  readonly keyring: string;
}

export interface ArchiveRequest {
  readonly suite: Suite;
  /** Debian's name of it. */
  readonly architecture: string;
  readonly mirror?: string | undefined;
  readonly keyring?: string | undefined;
  /** Root of the system whose apt sources and keyrings are looked at. @default / */
  readonly hostRoot?: string;
}

/**
 * The mirror: option, else environment, else the machine's own apt sources where it runs the same distribution (companies
 * have their mirror there), else the public one. The keyring: option, else what the machine's source is signed by, else
 * where the distribution's package puts it.
 *
 * @throws BaseKitError `MIRROR_INVALID`, `MIRROR_WITH_CREDENTIALS` (usage)
 */
export async function chooseArchive(request: ArchiveRequest, context: Context): Promise<Archive> {
  const { suite, architecture, hostRoot = "" } = request;
  const named = request.mirror ?? context.env[`BASE_KIT_${suite.distribution.toUpperCase()}_MIRROR`];
  const own = named ? undefined : (await hostArchive(hostRequest(request), context))?.main;
  const mirror = mirrorArgument(named || own?.uri || publicMirror(suite, architecture));
  return { mirror, keyring: resolve(request.keyring ?? own?.signedBy ?? packagedKeyring(suite.keyring, hostRoot)) };
}

function hostRequest({ suite, ...request }: ArchiveRequest): HostArchiveRequest {
  return { ...request, suite: suite.name, distribution: suite.distribution };
}

/** The public mirror of the suite's distribution. */
export function publicMirror({ mirror, distribution }: Suite, architecture: string): string {
  return mirror?.replace(/\/+$/, "") ?? publicArchive(distribution, architecture);
}

/** What debootstrap is given for a mirror in any of its spellings. */
export function mirrorArgument(mirror: string): string {
  const url = resolveMirror(mirror);
  if (url.username !== "" || url.password !== "") {
    throw new BaseKitError("MIRROR_WITH_CREDENTIALS", `mirror ${redactUrl(url)} is refused: it contains credentials`, {
      kind: "usage",
      hint: "debootstrap would show them in the process list and leave them in the image. Put a proxy in front (http_proxy), or use a local mirror.",
    });
  }
  const argument = (url.protocol === "file:" ? `file://${fileURLToPath(url)}` : url.href).replace(/\/+$/, "");
  if (url.search === "" && url.hash === "" && PLAIN_PATH.expression.test(argument)) return argument;
  throw new BaseKitError("MIRROR_INVALID", `mirror ${printable(redactUrl(url))} is refused: ${PLAIN_PATH.rule}`, {
    kind: "usage",
    hint:
      url.protocol === "file:"
        ? "Make a symbolic link with a plainer name and give that."
        : "Nothing was run or changed.",
  });
}
