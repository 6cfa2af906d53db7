import { BaseKitError, type Context, isBaseKitError, redactUrl } from "@base-kit/core";
import type { Keyring } from "@base-kit/signatures";
import { allAtOnce } from "@base-kit/store";
import type { DebianOptions } from "../options.ts";
import { parseSnapshot } from "../snapshot.ts";
import type { AddedArchive } from "./added-archives.ts";
import type { Mirrors } from "./mirrors.ts";
import { type SuiteSource, type VerifiedSuite, verifySuite } from "./suite-index.ts";
import { type Distribution, isRolling, mayHaveUpdates, suiteHint } from "./suites.ts";

export interface SourcesRequest {
  readonly distribution: Distribution;
  readonly suite: string;
  /** Debian's name of it. */
  readonly architecture: string;
  readonly mirrors: Mirrors;
  readonly keyring: Keyring;
  /** The archives that the user added. */
  readonly added: readonly AddedArchive[];
  readonly options: Pick<DebianOptions, "components" | "compat" | "snapshot">;
}

/**
 * The Releases of all archives that packages come from: the suite, its updates and security updates, and what the user added,
 * each verified by its own keyring. `--compat debootstrap` is the suite alone.
 *
 * @throws BaseKitError of kind network when one is missing that has to be there, verification when one is not trusted
 */
export async function verifySources(request: SourcesRequest, context: Context): Promise<readonly VerifiedSuite[]> {
  const { suite, mirrors, distribution, options } = request;
  const asOf = options.snapshot === undefined ? undefined : parseSnapshot(options.snapshot);
  const own = (name: string, mirror: string): SuiteSource => ({
    mirror,
    suite: name,
    components: options.components,
    isWhole: name === suite,
    keyring: request.keyring,
    architecture: request.architecture,
    asOf,
    isAdded: false,
  });
  const main = await verifySuite(own(suite, mirrors.main), context).catch(withSuiteHint(suite, distribution));
  if (options.compat === "debootstrap") return [main];
  const hasUpdates =
    mayHaveUpdates(suite, distribution) && !(distribution === "debian" && isRolling(main.release.suite));
  const beside = hasUpdates
    ? [[own(`${suite}-updates`, mirrors.main)], mirrors.security.map((mirror) => own(`${suite}-security`, mirror))].map(
        (sources) => (within: Context) => firstOf(sources, mirrors, within),
      )
    : [];
  const added = request.added.map((archive) => (within: Context) => verifySuite(ofUser(archive, request), within));
  const found = await allAtOnce([...beside, ...added], context, (verify, within) => verify(within));
  return [main, ...found.filter((each) => each !== undefined)];
}

/** The first place that has the suite. A mirror that the user chose may lack it, which is told; others have to have it. */
async function firstOf(
  sources: readonly SuiteSource[],
  { isChosen }: Mirrors,
  context: Context,
): Promise<VerifiedSuite | undefined> {
  let missing: unknown;
  for (const source of sources) {
    try {
      return await verifySuite(source, context);
    } catch (error) {
      if (!isBaseKitError(error) || error.code !== "SUITE_NOT_ON_MIRROR") throw error;
      missing ??= error;
    }
  }
  if (!isChosen) throw missing;
  const [{ suite, mirror }] = sources as readonly [SuiteSource];
  const message = `the mirror ${redactUrl(mirror)} has no ${suite}: the image is made without what is in it`;
  context.reporter.emit({ type: "warned", code: "UPDATES_MISSING", message });
  return undefined;
}

function ofUser(archive: AddedArchive, { architecture }: SourcesRequest): SuiteSource {
  return { ...archive, isWhole: true, architecture, isAdded: true };
}

function withSuiteHint(suite: string, distribution: Distribution): (error: unknown) => never {
  return (error) => {
    if (!isBaseKitError(error) || error.code !== "SUITE_NOT_ON_MIRROR") throw error;
    const hint = `${suiteHint(suite, distribution)}${error.hint ?? ""}`;
    throw new BaseKitError(error.code, error.message, { kind: error.kind, hint, cause: error });
  };
}
