import { type Context, type Lock, type LockedInput, type ProducerRequest, step } from "@base-kit/core";
import { debianMachine, publicArchive, requireKeyring } from "@base-kit/debian-archive";
import { publicUrl } from "./archive/credentials.ts";
import { chooseMirrors, distributionKeyring } from "./archive/mirrors.ts";
import { type ComponentIndex, componentIndexes, verifySuite } from "./archive/suite-index.ts";
import { type Distribution, requireSuite } from "./archive/suites.ts";
import { checkOptions } from "./check-options.ts";
import type { Package } from "./index/package.ts";
import { type LockedPackage, packageInput, type System } from "./lock.ts";
import { hasMergedUsr } from "./merged-usr.ts";
import type { DebianOptions } from "./options.ts";
import { selectByDependencies } from "./select/by-dependencies.ts";
import { candidatesOf } from "./select/candidates.ts";
import { selectAsDebootstrap } from "./select/debootstrap.ts";

/** Decides which packages, by indexes that a trusted key has signed, and writes down what everything after it depends on. */
export async function resolve(
  request: ProducerRequest<DebianOptions>,
  distribution: Distribution,
  context: Context,
): Promise<Lock> {
  const options = await checkOptions(request.options);
  const suite = requireSuite(request.release, distribution);
  const { debian: architecture } = debianMachine(request.platform);
  const mirrors = await chooseMirrors({ distribution, suite, architecture, mirror: options.mirror }, context);
  const keyring = await requireKeyring(
    options.keyring ?? mirrors.keyring ?? distributionKeyring(distribution),
    distribution,
  );
  const source = { mirror: mirrors.main, suite, components: options.components, isWhole: true, keyring, architecture };
  const verified = await step(context, `verifying the Release of ${suite}`, () => verifySuite(source, context));
  const indexes = componentIndexes(verified);
  const codename = verified.release.codename ?? suite;
  const read = await Promise.all(indexes.map((index) => index.read(context)));
  const merging = { distribution, codename, variant: options.variant };
  const chosen = await step(context, "choosing packages", (handle) => {
    const packages =
      options.compat === "debootstrap"
        ? selectAsDebootstrap({ ...merging, options, indexes: read, mirror: mirrors.main })
        : selectByDependencies({ ...merging, options, candidates: candidatesOf(read), architecture });
    handle.detail(`${packages.length} packages`);
    return packages;
  });
  const isLocal = mirrors.main.startsWith("file:");
  const shown = isLocal ? publicArchive(distribution, architecture) : publicUrl(mirrors.main);
  const system: System = {
    distribution,
    suite,
    codename,
    architecture,
    mergedUsr: hasMergedUsr(merging),
    sources: [`deb ${shown} ${suite} ${options.components.join(" ")}`],
  };
  return {
    lockVersion: 1,
    producer: distribution,
    release: suite,
    platform: request.platform,
    sourceDateEpoch: request.sourceDateEpoch ?? verified.release.date,
    inputs: [
      ...verified.inputs,
      ...indexes.map(({ input }) => input),
      ...[...chosen]
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .map((found) => lockedInput(found, indexes[0] as ComponentIndex)),
    ],
    options: { ...options, system },
  };
}

function lockedInput(found: Package, { suite }: ComponentIndex): LockedInput {
  const { name, version, architecture, priority, section, multiArch, source, essential, size, sha256 } = found;
  const optional = Object.entries({ priority, section, source, multiArch: multiArch === "no" ? undefined : multiArch });
  const locked: LockedPackage = {
    name,
    version,
    architecture,
    ...Object.fromEntries(optional.filter(([, value]) => value !== undefined)),
    essential,
    url: `${publicUrl(suite.source.mirror)}/${found.filename.split("/").map(encodeURIComponent).join("/")}`,
    size,
    sha256,
  };
  return packageInput(locked, suite.inputs[0].name);
}
