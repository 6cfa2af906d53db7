import { createHash } from "node:crypto";
import { type Context, canonicalJson, type Lock, type LockedInput, type ProducerRequest, step } from "@base-kit/core";
import { debianMachine, requireKeyring } from "@base-kit/debian-archive";
import { allAtOnce } from "@base-kit/store";
import { addedArchives } from "./archive/added-archives.ts";
import { publicUrl } from "./archive/credentials.ts";
import { imageSources } from "./archive/image-sources.ts";
import { chooseMirrors } from "./archive/mirrors.ts";
import { ofOneState } from "./archive/one-state.ts";
import { publicKeyring } from "./archive/public-keys.ts";
import { type SourcesRequest, verifySources } from "./archive/sources.ts";
import { type ComponentIndex, componentIndexes, type VerifiedSuite } from "./archive/suite-index.ts";
import { type Distribution, requireSuite } from "./archive/suites.ts";
import { checkOptions } from "./check-options.ts";
import type { Package } from "./index/package.ts";
import type { PackagesIndex } from "./index/packages-index.ts";
import { type LockedPackage, packageInput, type System } from "./lock.ts";
import { hasMergedUsr, type Merging } from "./merged-usr.ts";
import type { DebianOptions } from "./options.ts";
import { selectByDependencies } from "./select/by-dependencies.ts";
import { candidatesOf } from "./select/candidates.ts";
import { selectAsDebootstrap } from "./select/debootstrap.ts";
import { snapshotMirrors } from "./snapshot.ts";

export interface ResolveOptions {
  readonly distribution: Distribution;
  /** Milliseconds before each further look at a mirror that is changing. @default three looks within half a minute */
  readonly delays?: readonly number[];
}

/** Decides which packages, by indexes that a trusted key has signed, and writes down what everything after it depends on. */
export async function resolve(
  request: ProducerRequest<DebianOptions>,
  { distribution, delays }: ResolveOptions,
  context: Context,
): Promise<Lock> {
  const options = await checkOptions(request.options);
  const sources = await findSources({ ...request, options }, distribution, context);
  return ofOneState(() => lockOf(sources, { ...request, options }, context), context, delays);
}

async function lockOf(
  sources: SourcesRequest,
  { platform, options, sourceDateEpoch }: ProducerRequest<DebianOptions>,
  context: Context,
): Promise<Lock> {
  const { distribution } = sources;
  const verified = await step(context, `verifying the archive of ${sources.suite}`, async (handle) => {
    const suites = await verifySources(sources, context);
    handle.detail(suites.map(({ source }) => source.suite).join(", "));
    return suites;
  });
  const [main] = verified as readonly [VerifiedSuite];
  const lists = verified.flatMap(componentIndexes);
  const { suite, architecture, mirrors } = sources;
  const merging: Merging = { distribution, codename: main.release.codename ?? suite, variant: options.variant };
  const choice: ChooseOptions = { options, merging, architecture, mirror: mirrors.main };
  const chosen = await step(context, "choosing packages", async (handle) => {
    const packages = await rememberedChoice(lists, choice, context);
    handle.detail(`${packages.length} packages`);
    return packages;
  });
  const { lines, keyrings } = imageSources(verified, { distribution, main: mirrors.main });
  const system: System = {
    distribution,
    suite,
    codename: merging.codename,
    architecture,
    mergedUsr: hasMergedUsr(merging),
    sources: lines,
    ...(keyrings.length === 0 ? {} : { keyrings }),
  };
  return {
    lockVersion: 1,
    producer: distribution,
    release: suite,
    platform,
    sourceDateEpoch: sourceDateEpoch ?? Math.max(...verified.map(({ release }) => release.date)),
    inputs: [...verified.flatMap(({ inputs }) => inputs), ...lists.map(({ input }) => input), ...chosen],
    options: { ...options, system },
  };
}

async function findSources(
  { release, platform, options }: ProducerRequest<DebianOptions>,
  distribution: Distribution,
  context: Context,
): Promise<SourcesRequest> {
  const suite = requireSuite(release, distribution);
  const added = await addedArchives(options.repository);
  const { debian: architecture } = debianMachine(platform);
  const mirrors =
    options.snapshot === undefined
      ? await chooseMirrors({ distribution, suite, architecture, mirror: options.mirror }, context)
      : snapshotMirrors(options.snapshot, distribution, context.clock.now());
  const path = options.keyring ?? mirrors.keyring;
  const keyring = await (path === undefined
    ? publicKeyring(distribution, context)
    : requireKeyring(path, { distribution, isNamed: options.keyring !== undefined }));
  return { distribution, suite, architecture, mirrors, keyring, added, options };
}

interface ChooseOptions {
  readonly options: DebianOptions;
  readonly merging: Merging;
  readonly architecture: string;
  readonly mirror: string;
}

/** Raised when the same indexes and options come to give other packages. */
const FORMAT = 1;

/** The same indexes and options give the same packages: the indexes are read only for a choice that was never made. */
async function rememberedChoice(
  lists: readonly ComponentIndex[],
  choice: ChooseOptions,
  context: Context,
): Promise<readonly LockedInput[]> {
  const inputs = lists.map(({ input, suite }) => [input, suite.source.mirror]);
  const digest = createHash("sha256").update(canonicalJson({ inputs, choice })).digest("hex");
  const key = `debian-choice:${FORMAT}:sha256:${digest}`;
  const kept = await context.store.recall(key);
  if (kept !== undefined) return JSON.parse(kept.toString("utf8")) as readonly LockedInput[];
  const indexes = await allAtOnce(lists, context, (list, within) => list.read(within));
  const origins = new Map(indexes.map((index, at) => [index, lists[at] as ComponentIndex]));
  const packages = choose(indexes, choice)
    .map(({ found, index }) => lockedPackage(found, (origins.get(index) as ComponentIndex).suite))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  await context.store.remember(key, Buffer.from(JSON.stringify(packages)));
  return packages;
}

interface Chosen {
  readonly found: Package;
  readonly index: PackagesIndex;
}

function choose(
  indexes: readonly PackagesIndex[],
  { options, merging, architecture, mirror }: ChooseOptions,
): readonly Chosen[] {
  if (options.compat === "debootstrap") {
    const packages = selectAsDebootstrap({ ...merging, options, indexes, mirror });
    return packages.map((found) => {
      const index = indexes.find((each) => each.find(found.name).includes(found)) ?? (indexes[0] as PackagesIndex);
      return { found, index };
    });
  }
  const candidates = candidatesOf(indexes);
  const packages = selectByDependencies({ ...merging, options, candidates, architecture });
  return packages.map((found) => ({ found, index: candidates.indexOf(found) }));
}

function lockedPackage(found: Package, { source, inputs }: VerifiedSuite): LockedInput {
  const { name, version, architecture, priority, section, multiArch, essential, size, sha256 } = found;
  const optional = { priority, section, source: found.source, multiArch: multiArch === "no" ? undefined : multiArch };
  const locked: LockedPackage = {
    name,
    version,
    architecture,
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)),
    essential,
    url: publicUrl(`${source.mirror}/${found.filename.split("/").map(encodeURIComponent).join("/")}`),
    size,
    sha256,
  };
  return packageInput(locked, inputs[0].name);
}
