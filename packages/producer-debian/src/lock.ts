import { BaseKitError, type Lock, type LockedInput, printable } from "@base-kit/core";
import { COMPONENT, PACKAGE, SUITE } from "@base-kit/debian-archive";
import type { ImageKeyring } from "./archive/image-sources.ts";
import { checkOptions } from "./check-options.ts";
import type { DebianOptions } from "./options.ts";

/** What `produce` works from: everything in it stands in the lock. */
export interface LockedBuild {
  readonly options: DebianOptions;
  readonly system: System;
  /** Sorted by name, each name once. */
  readonly packages: readonly LockedPackage[];
}

/** What is known of the system as a whole, whichever packages it is made of. */
export interface System {
  readonly distribution: "debian" | "ubuntu";
  /** As asked for: `bookworm`, `stable`. */
  readonly suite: string;
  readonly codename: string;
  /** Debian's name of it: `armhf`. */
  readonly architecture: string;
  /** Whether `/bin`, `/lib` and `/sbin` are links into `/usr`. */
  readonly mergedUsr: boolean;
  /** Lines of `sources.list`, in its order. */
  readonly sources: readonly string[];
  /** Files with keys of archives that the user added. */
  readonly keyrings?: readonly ImageKeyring[];
}

/** A package file, and what the archive's index says of it. */
export interface LockedPackage {
  readonly name: string;
  readonly version: string;
  /** The system's own, or `all`. */
  readonly architecture: string;
  readonly priority?: string;
  readonly section?: string;
  readonly multiArch?: string;
  /** As in the index: `glibc`, or `bzip2 (1.0.8-5)`. */
  readonly source?: string;
  readonly essential: boolean;
  readonly url: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
}

/** The package as an input of the lock; `release` is the name of the signed file that vouches for it. */
export function packageInput(found: LockedPackage, release: string): LockedInput {
  const { name, url, size, sha256, essential, ...rest } = found;
  const facts = { ...rest, ...(essential ? { essential: "yes" } : {}) };
  return { name, url, size, sha256, verifiedBy: release, facts };
}

/**
 * A lock's contents, checked as strictly as what a user types: it is a text that anyone may have changed.
 *
 * @throws BaseKitError `LOCK_INVALID`, `OPTION_INVALID` (usage)
 */
export async function readLock(lock: Lock): Promise<LockedBuild> {
  const { system, ...options } = lock.options;
  const checked = await checkOptions(options);
  const packages = lock.inputs.filter(({ facts }) => facts?.["version"] !== undefined).map(readPackage);
  const twice = packages.find(({ name }, index) => packages[index - 1]?.name === name);
  if (twice) throw invalid(lock, `it names the package ${printable(twice.name)} twice`);
  return { options: checked, system: readSystem(lock, system), packages };

  function readPackage({ name, url, size, sha256, facts = {} }: LockedInput): LockedPackage {
    const { version = "", architecture = "", priority, section, multiArch, source, essential } = facts;
    const wrong = (what: string) => invalid(lock, `the ${what} of its package ${printable(name)} is not one`);
    if (!PACKAGE.expression.test(name)) throw invalid(lock, `${printable(name)} is no package name`);
    if (!/^[A-Za-z0-9.+~:-]{1,255}$/.test(version)) throw wrong("version");
    if (!/^[a-z0-9-]{1,32}$/.test(architecture)) throw wrong("architecture");
    if (!/^(?:https?|file):/.test(url) || !URL.canParse(url)) throw wrong("URL");
    if (size === undefined || !Number.isSafeInteger(size) || size < 0) throw wrong("size");
    if (sha256 === undefined || !/^[0-9a-f]{64}$/.test(sha256)) throw wrong("sha256");
    const words = { priority, section, multiArch, source };
    const given = Object.entries(words).filter((entry): entry is [string, string] => entry[1] !== undefined);
    const odd = given.find(([, value]) => !/^[\x20-\x7e]{1,255}$/.test(value));
    if (odd) throw wrong(odd[0]);
    return {
      name,
      version,
      architecture,
      ...Object.fromEntries(given),
      essential: essential === "yes",
      url,
      size,
      sha256,
    };
  }
}

function readSystem(lock: Lock, given: unknown): System {
  const {
    distribution,
    suite,
    codename,
    architecture,
    mergedUsr,
    sources,
    keyrings = [],
  } = (given ?? {}) as Partial<System>;
  const isName = (value: unknown, { expression }: { readonly expression: RegExp }) =>
    typeof value === "string" && expression.test(value);
  const isWhole =
    (distribution === "debian" || distribution === "ubuntu") &&
    isName(suite, SUITE) &&
    isName(codename, SUITE) &&
    isName(architecture, COMPONENT) &&
    typeof mergedUsr === "boolean" &&
    Array.isArray(sources) &&
    sources.every((line) => typeof line === "string" && /^deb [\x20-\x7e]+$/.test(line)) &&
    Array.isArray(keyrings) &&
    keyrings.every(isKeyring);
  if (!isWhole) throw invalid(lock, "what it says of the system is not whole");
  return { distribution, suite, codename, architecture, mergedUsr, sources, keyrings } as System;
}

function isKeyring(given: unknown): boolean {
  const { path, base64 } = (given ?? {}) as Partial<ImageKeyring>;
  return (
    typeof path === "string" &&
    /^etc\/apt\/keyrings\/[A-Za-z0-9_][A-Za-z0-9._-]*\.gpg$/.test(path) &&
    typeof base64 === "string" &&
    /^[A-Za-z0-9+/]+={0,2}$/.test(base64)
  );
}

function invalid({ producer, release }: Lock, why: string): BaseKitError {
  return new BaseKitError(
    "LOCK_INVALID",
    `the lock of ${printable(producer)}:${printable(release)} is refused: ${why}`,
    {
      kind: "usage",
      hint: "Make the lock again. Nothing was fetched or written.",
    },
  );
}
