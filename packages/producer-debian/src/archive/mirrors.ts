import { BaseKitError, type Context, redactUrl } from "@base-kit/core";
import { type AptSource, hostArchive, packagedKeyring, publicArchive } from "@base-kit/debian-archive";
import { resolveMirror } from "@base-kit/store";
import type { Distribution } from "./suites.ts";

/** Where a distribution's packages come from. URLs have no slash at the end; they may hold credentials of the environment. */
export interface Mirrors {
  readonly main: string;
  /** Where suites with security updates are looked for, one after another. */
  readonly security: readonly string[];
  /** Whether all of it was chosen by the user, who knows what it holds. */
  readonly isChosen: boolean;
  /** Path of the keyring that the machine's own source is signed by. */
  readonly keyring: string | undefined;
}

export interface MirrorRequest {
  readonly distribution: Distribution;
  readonly suite: string;
  /** Debian's name of it. */
  readonly architecture: string;
  readonly mirror?: string | undefined;
  /** Root of the system whose apt sources are looked at. @default / */
  readonly hostRoot?: string | undefined;
}

export function mirrorVariable(distribution: Distribution): string {
  return `BASE_KIT_${distribution.toUpperCase()}_MIRROR`;
}

/**
 * The mirror: option, else environment, else the machine's own apt sources where it runs the same distribution (companies
 * have their mirror there), else the public one.
 *
 * @throws BaseKitError `MIRROR_INVALID`, `MIRROR_WITH_CREDENTIALS` (usage), `MIRROR_NOT_FOUND` (environment)
 */
export async function chooseMirrors(request: MirrorRequest, context: Context): Promise<Mirrors> {
  const { distribution, architecture } = request;
  const named = request.mirror === undefined ? context.env[mirrorVariable(distribution)] : undefined;
  if (request.mirror !== undefined) return chosen(withoutCredentials(request.mirror, distribution));
  if (named) return chosen(named);
  const host = await hostArchive(request, context);
  if (host !== undefined) {
    const main = normal(host.main.uri);
    const security = host.sources.filter(isSecurity).map(({ uri }) => normal(uri));
    return { main, security: unique([...security, ...beside(main)]), isChosen: false, keyring: host.main.signedBy };
  }
  const main = publicArchive(distribution, architecture);
  return { main, security: publicSecurity(distribution, main), isChosen: false, keyring: undefined };
}

export function distributionKeyring(distribution: Distribution, hostRoot = ""): string {
  return packagedKeyring(`/usr/share/keyrings/${distribution}-archive-keyring.gpg`, hostRoot);
}

function chosen(mirror: string): Mirrors {
  const main = normal(mirror);
  return { main, security: beside(main), isChosen: true, keyring: undefined };
}

function normal(mirror: string): string {
  return resolveMirror(mirror).href.replace(/\/+$/, "");
}

/** Mirrors keep Debian's security updates in the folder `debian-security` beside `debian`; Ubuntu's are in the archive itself. */
function beside(main: string): readonly string[] {
  const sibling = main.replace(/\/debian$/, "/debian-security");
  return unique([sibling, main]);
}

function publicSecurity(distribution: Distribution, main: string): readonly string[] {
  if (distribution === "debian") return ["http://security.debian.org/debian-security"];
  return [main.replace("//archive.ubuntu.com/", "//security.ubuntu.com/")];
}

function isSecurity({ suite }: AptSource): boolean {
  return /(?:-security|\/updates)$/.test(suite);
}

/** Options are seen by everyone on the machine, and stand in the lock. */
function withoutCredentials(mirror: string, distribution: Distribution): string {
  const url = resolveMirror(mirror);
  if (url.username === "" && url.password === "") return mirror;
  throw new BaseKitError("MIRROR_WITH_CREDENTIALS", `mirror ${redactUrl(url)} is refused: it contains credentials`, {
    kind: "usage",
    hint: `Set ${mirrorVariable(distribution)} to this URL instead: options are seen by other users and written into the lock.`,
  });
}

function unique(urls: readonly string[]): readonly string[] {
  return [...new Set(urls)];
}
