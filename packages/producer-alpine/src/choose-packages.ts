import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { BaseKitError, type Context, type LockedInput, printable, step } from "@base-kit/core";
import { allAtOnce, fetchFiles } from "@base-kit/store";
import { type Dependency, formatDependency, parseDependency } from "./apk/dependency.ts";
import { unpackedAtMost } from "./apk/gzip-members.ts";
import type { InstalledStanza } from "./apk/installed-database.ts";
import { readApk } from "./apk/package-file.ts";
import type { TrustedKeys } from "./apk/signature.ts";
import { publicUrl } from "./mirror.ts";
import { isMissing } from "./newest.ts";
import { type ReadRepository, type Repository, readRepository } from "./repositories.ts";
import { solve } from "./solver/solve.ts";
import { type Candidate, createUniverse } from "./solver/universe.ts";

export interface Choice {
  readonly repositories: readonly Repository[];
  /** Repositories that a mirror may lack. */
  readonly optional: ReadonlySet<Repository>;
  readonly architecture: string;
  readonly keys: TrustedKeys;
  readonly world: readonly Dependency[];
  /** Those of its names that were not in the world of what is installed. @default all */
  readonly asked?: ReadonlySet<string>;
  readonly installed: readonly InstalledStanza[];
}

/** The indexes that were used, and the packages to install in their order, as inputs of the lock. */
export async function choosePackages(choice: Choice, context: Context): Promise<readonly LockedInput[]> {
  const { architecture, keys, world, asked, installed } = choice;
  const read = await step(context, "verifying the indexes", async (handle) => {
    const all = await allAtOnce(choice.repositories, context, (repository, within) =>
      readOne(repository, choice, within),
    );
    const found = all.filter((each) => each !== undefined);
    handle.detail(`${found.reduce((sum, { index }) => sum + index.packages.length, 0)} packages`);
    return found;
  });
  const chosen = await step(context, "choosing packages", (handle) => {
    const universe = createUniverse([...installedCandidates(installed), ...candidates(read, architecture)]);
    const all = solve({ universe, world, asked });
    const fresh = all.filter((candidate) => !candidate.installed);
    handle.detail(`${fresh.length} packages`);
    return fresh;
  });
  const packages = await lockPackages(chosen, { read, architecture, keys }, context);
  return [...read.map(({ input }) => input), ...packages];
}

async function readOne(repository: Repository, choice: Choice, context: Context): Promise<ReadRepository | undefined> {
  try {
    return await readRepository(repository, choice, context);
  } catch (error) {
    if (choice.optional.has(repository) && isMissing(error)) return undefined;
    throw error;
  }
}

function installedCandidates(installed: readonly InstalledStanza[]): readonly Candidate[] {
  return installed.map(({ info }) => ({ info, repository: Number.MAX_SAFE_INTEGER, installed: true }));
}

function candidates(read: readonly ReadRepository[], architecture: string): readonly Candidate[] {
  return read.flatMap(({ index, tag }, repository) =>
    index.packages
      .filter((info) => info.architecture === architecture || info.architecture === "noarch")
      .map((info) => ({ info, repository, installed: false, ...(tag === undefined ? {} : { tag }) })),
  );
}

interface Source {
  readonly read: readonly ReadRepository[];
  readonly architecture: string;
  readonly keys: TrustedKeys;
}

/**
 * An index tells the SHA-1 of a package's description and no digest of the file. So a file that was never seen is fetched and
 * checked now, and its SHA-256 remembered.
 */
async function lockPackages(
  chosen: readonly Candidate[],
  { read, architecture, keys }: Source,
  context: Context,
): Promise<readonly LockedInput[]> {
  const urls = chosen.map(({ info, repository }) => {
    const { url } = read[repository] as ReadRepository;
    return new URL(`${architecture}/${info.name}-${info.version}.apk`, url);
  });
  const digests = await Promise.all(chosen.map(({ info }) => context.store.recall(digestKey(info))));
  const unknown = chosen.flatMap((candidate, at) => (digests[at] === undefined ? [{ candidate, at }] : []));
  if (unknown.length > 0) {
    const files = await fetchFiles(
      unknown.map(({ candidate, at }) => ({ url: urls[at] as URL, size: candidate.info.size })),
      context,
      { title: `fetching ${unknown.length} packages` },
    );
    for (const [index, { candidate, at }] of unknown.entries()) {
      const { info } = candidate;
      const bytes = await readFile((files[index] as { path: string }).path);
      const limit = unpackedAtMost(bytes.length);
      readApk(bytes, { file: `${info.name}-${info.version}.apk`, keys, expected: info, limit });
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      await context.store.put({ digest: `sha256:${sha256}`, size: bytes.length }, once(bytes));
      await context.store.remember(digestKey(info), Buffer.from(sha256));
      digests[at] = Buffer.from(sha256);
    }
  }
  return chosen.map(({ info, repository, tag }, at) => ({
    name: `${info.name}-${info.version}.apk`,
    url: publicUrl(urls[at] as URL),
    size: info.size,
    sha256: (digests[at] as Buffer).toString(),
    verifiedBy: (read[repository] as ReadRepository).input.name,
    facts: {
      name: info.name,
      version: info.version,
      architecture: info.architecture,
      checksum: info.checksum,
      built: String(info.buildTime),
      ...(tag === undefined ? {} : { tag }),
    },
  }));
}

function digestKey({ checksum, size }: Candidate["info"]): string {
  return `apk-sha256:${checksum}:${size}`;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  yield bytes;
}

/** What is asked for, over what was in the world: one word for each name. */
export function extendWorld(world: readonly Dependency[], include: readonly string[]): readonly Dependency[] {
  const byName = new Map(world.map((each) => [each.name, each]));
  for (const word of include) {
    const dependency = parseDependency(word);
    if (dependency === undefined) {
      throw new BaseKitError(
        "OPTION_INVALID",
        `--include ${printable(word)} is refused: expected a package as for apk add`,
        {
          kind: "usage",
        },
      );
    }
    byName.set(dependency.name, dependency);
  }
  return [...byName.values()];
}

export function worldWords(world: readonly Dependency[]): readonly string[] {
  return world.map(formatDependency).sort();
}
