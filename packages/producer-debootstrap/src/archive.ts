import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { BaseKitError, type Context, hostPlatform, printable, redactUrl } from "@base-kit/core";
import { resolveMirror } from "@base-kit/store";
import { type AptSource, readAptSources } from "./apt-sources.ts";
import { debianArchitecture } from "./architecture.ts";
import { PLAIN_PATH } from "./grammar.ts";
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
  const own = named ? undefined : await hostSource(request, context);
  const mirror = mirrorArgument(named || own?.uri || publicMirror(suite, architecture));
  return { mirror, keyring: resolve(request.keyring ?? own?.signedBy ?? packagedKeyring(suite, hostRoot)) };
}

/** Newer packages of keyrings call the same file `.pgp`. */
function packagedKeyring(suite: Suite, hostRoot: string): string {
  const path = `${hostRoot}${suite.keyring}`;
  const renamed = path.replace(/\.gpg$/, ".pgp");
  return !existsSync(path) && existsSync(renamed) ? renamed : path;
}

/** Ubuntu keeps all but two architectures on other machines. */
export function publicMirror(suite: Suite, architecture: string): string {
  if (suite.mirror !== undefined) return suite.mirror.replace(/\/+$/, "");
  if (suite.distribution !== "ubuntu") return "http://ftp.debian.org/debian";
  return isOnUbuntuMain(architecture) ? "http://archive.ubuntu.com/ubuntu" : "http://ports.ubuntu.com/ubuntu-ports";
}

function isOnUbuntuMain(architecture: string): boolean {
  return architecture === "amd64" || architecture === "i386";
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

/** The machine's own source for this distribution, if it has one that debootstrap can use. */
async function hostSource(request: ArchiveRequest, context: Context): Promise<AptSource | undefined> {
  const { suite, architecture, hostRoot = "" } = request;
  const { distribution, codename } = await readHost(hostRoot);
  if (distribution !== suite.distribution) return undefined;
  const isElsewhere = isOnUbuntuMain(architecture) !== isOnUbuntuMain(debianArchitecture(hostPlatform()));
  if (distribution === "ubuntu" && isElsewhere) return undefined;
  const sources = (await readAptSources(`${hostRoot}/etc/apt`)).filter(({ uri }) => isUsable(uri, context));
  const candidates = sources.filter(
    (source) => source.components.includes("main") && [codename, suite.name].includes(source.suite),
  );
  // A third party's repository may have such a suite and component, too; only the distribution's own has updates.
  const hasUpdates = ({ uri }: AptSource) =>
    sources.some((other) => other.uri === uri && other.suite === `${codename}-updates`);
  return candidates.find(hasUpdates) ?? candidates[0];
}

/** os-release(5) of the machine. */
async function readHost(root: string): Promise<{ readonly distribution: string; readonly codename: string }> {
  const text = await readFile(`${root}/etc/os-release`, "utf8").catch(() => "");
  const value = (name: string) => text.match(new RegExp(`^${name}="?([a-z0-9.-]*)"?$`, "m"))?.[1] ?? "";
  return { distribution: value("ID"), codename: value("VERSION_CODENAME") };
}

function isUsable(uri: string, { reporter }: Context): boolean {
  if (!/^(?:https?|file):/.test(uri) || !URL.canParse(uri)) return false;
  const { username, password } = new URL(uri);
  if (username === "" && password === "") return true;
  const message = `apt's source ${redactUrl(uri)} is not used: its credentials would end up in the image`;
  reporter.emit({ type: "noted", message });
  return false;
}
