import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { type Context, hostPlatform, redactUrl } from "@base-kit/core";
import { type AptSource, readAptSources } from "./apt-sources.ts";
import { debianMachine } from "./architecture.ts";

export interface HostArchiveRequest {
  /** `debian` or `ubuntu`. */
  readonly distribution: string;
  readonly suite: string;
  /** Debian's name of it. */
  readonly architecture: string;
  /** Root of the system whose apt sources are looked at. @default / */
  readonly hostRoot?: string | undefined;
}

/** The machine's own sources of one distribution. */
export interface HostArchive {
  /** Where its packages come from; companies have their mirror there. */
  readonly main: AptSource;
  /** All that can be used, for those who also look for security updates. */
  readonly sources: readonly AptSource[];
}

/** What this machine's apt uses, if it runs the same distribution and has a source without credentials for it. */
export async function hostArchive(request: HostArchiveRequest, context: Context): Promise<HostArchive | undefined> {
  const { suite, architecture, hostRoot = "" } = request;
  const { distribution, codename } = await readHost(hostRoot);
  if (distribution !== request.distribution) return undefined;
  const isElsewhere = isOnUbuntuMain(architecture) !== isOnUbuntuMain(debianMachine(hostPlatform()).debian);
  if (distribution === "ubuntu" && isElsewhere) return undefined;
  const sources = (await readAptSources(`${hostRoot}/etc/apt`)).filter(({ uri }) => isUsable(uri, context));
  const candidates = sources.filter(
    (source) => source.components.includes("main") && [codename, suite].includes(source.suite),
  );
  // A third party's repository may have such a suite and component, too; only the distribution's own has updates.
  const hasUpdates = ({ uri }: AptSource) =>
    sources.some((other) => other.uri === uri && other.suite === `${codename}-updates`);
  const main = candidates.find(hasUpdates) ?? candidates[0];
  return main && { main, sources };
}

/** The distribution's public mirror. Ubuntu keeps all but two architectures on other machines. */
export function publicArchive(distribution: string, architecture: string): string {
  if (distribution !== "ubuntu") return "http://ftp.debian.org/debian";
  return isOnUbuntuMain(architecture) ? "http://archive.ubuntu.com/ubuntu" : "http://ports.ubuntu.com/ubuntu-ports";
}

/** Newer packages of keyrings call the same file `.pgp`. */
export function packagedKeyring(keyring: string, hostRoot = ""): string {
  const path = `${hostRoot}${keyring}`;
  const renamed = path.replace(/\.gpg$/, ".pgp");
  return !existsSync(path) && existsSync(renamed) ? renamed : path;
}

function isOnUbuntuMain(architecture: string): boolean {
  return architecture === "amd64" || architecture === "i386";
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
