import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { BaseKitError, closest, printable, systemErrorCode } from "@base-kit/core";
import { SUITE } from "@base-kit/debian-archive";

/** How debootstrap makes a suite, and whose suite it is. */
export interface Suite {
  readonly name: string;
  /** The script to name explicitly, for a suite that is newer than the installed debootstrap. */
  readonly script: string | undefined;
  /** `debian`, `ubuntu`, `kali`: the word before `-archive` in the name of its keyring. */
  readonly distribution: string;
  /** Where the distribution's package puts its keyring. */
  readonly keyring: string;
  /** The mirror that the script names, if it names one. */
  readonly mirror: string | undefined;
}

/** Suites that came after debootstrap 1.0.128 (Debian 12) was released; the scripts of both distributions are generic. */
const NEWER: Readonly<Record<string, readonly string[]>> = {
  gutsy: ["lunar", "mantic", "noble", "oracular", "plucky", "questing", "resolute"],
  sid: ["forky", "duke", "experimental"],
};

/** Suites may only be found here; `DEBOOTSTRAP_DIR` is debootstrap's own setting for it. */
export function debootstrapDir(env: Readonly<Record<string, string | undefined>>): string {
  return env["DEBOOTSTRAP_DIR"] || "/usr/share/debootstrap";
}

/**
 * @throws BaseKitError `SUITE_MISSING`, `SUITE_INVALID`, `SUITE_UNKNOWN` (usage), `DEBOOTSTRAP_MISSING` (environment)
 */
export async function findSuite(release: string | undefined, dir: string): Promise<Suite> {
  if (release === undefined)
    throw usage("SUITE_MISSING", "which suite is meant? none was named", "Write debootstrap:bookworm.");
  if (!SUITE.expression.test(release)) {
    throw usage(
      "SUITE_INVALID",
      `suite ${printable(release)} is refused: ${SUITE.rule}`,
      "Nothing was run or changed.",
    );
  }
  const scripts = await readScripts(dir);
  const known = scripts.get(release);
  if (known) return { name: release, script: undefined, ...known };
  const [script] = Object.entries(NEWER).find(([, names]) => names.includes(release)) ?? [];
  const generic = script === undefined ? undefined : scripts.get(script);
  if (generic) return { name: release, script, ...generic };
  throw unknown(release, [...scripts.keys(), ...Object.values(NEWER).flat()]);
}

type Script = Pick<Suite, "distribution" | "keyring" | "mirror">;

/** The scripts that say which keyring their releases are signed with; the oldest ones, of unsigned releases, do not. */
async function readScripts(dir: string): Promise<ReadonlyMap<string, Script>> {
  const folder = join(dir, "scripts");
  let names: readonly string[];
  try {
    names = await readdir(folder);
  } catch (cause) {
    if (systemErrorCode(cause) !== "ENOENT") throw cause;
    throw new BaseKitError("DEBOOTSTRAP_MISSING", `debootstrap is not installed: there is no ${printable(folder)}`, {
      kind: "environment",
      hint: "Install it (apt-get install debootstrap, dnf install debootstrap).",
      cause,
    });
  }
  const scripts = await Promise.all(
    [...names].sort().map(async (name) => [name, await readScript(join(folder, name))] as const),
  );
  return new Map(scripts.filter((entry): entry is [string, Script] => entry[1] !== undefined));
}

async function readScript(path: string): Promise<Script | undefined> {
  const text = await readFile(path, "utf8").catch(() => "");
  const [, keyring, distribution] = text.match(/^keyring (\/\S+\/([a-z]+)-archive\S*)$/m) ?? [];
  if (keyring === undefined || distribution === undefined) return undefined;
  return { distribution, keyring, mirror: text.match(/^default_mirror (https?:\S+)$/m)?.[1] };
}

function unknown(release: string, known: readonly string[]): BaseKitError {
  const close = closest(release, known);
  const meant = close.length > 0 ? `Did you mean ${close.join(" or ")}? ` : "";
  const all = [...new Set(known)].sort().join(", ");
  return usage(
    "SUITE_UNKNOWN",
    `debootstrap does not know the suite ${printable(release)}`,
    `${meant}It knows: ${all}.`,
  );
}

function usage(code: string, message: string, hint: string): BaseKitError {
  return new BaseKitError(code, message, { kind: "usage", hint });
}
