import { BaseKitError, type Context, isBaseKitError, redactUrl } from "@base-kit/core";
import { type Keyring, loadKeyring } from "@base-kit/signatures";
import type { DebianOptions } from "../options.ts";
import { parseSnapshot } from "../snapshot.ts";
import type { Mirrors } from "./mirrors.ts";
import { parseRepositoryLine } from "./repository-line.ts";
import { type SuiteSource, type VerifiedSuite, verifySuite } from "./suite-index.ts";
import { type Distribution, isRolling, mayHaveUpdates, suiteHint } from "./suites.ts";

export interface SourcesRequest {
  readonly distribution: Distribution;
  readonly suite: string;
  /** Debian's name of it. */
  readonly architecture: string;
  readonly mirrors: Mirrors;
  readonly keyring: Keyring;
  readonly options: Pick<DebianOptions, "components" | "compat" | "repository" | "snapshot">;
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
    ? [
        firstOf([own(`${suite}-updates`, mirrors.main)], mirrors, context),
        firstOf(
          mirrors.security.map((mirror) => own(`${suite}-security`, mirror)),
          mirrors,
          context,
        ),
      ]
    : [];
  const added = options.repository.map((line) => verifyRepository(line, request.architecture, context));
  const found = await Promise.all([...beside, ...added]);
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

async function verifyRepository(line: string, architecture: string, context: Context): Promise<VerifiedSuite> {
  const { uri, suite, components, signedBy } = parseRepositoryLine(line);
  const keyring = await loadKeyring(signedBy);
  return verifySuite(
    { mirror: uri.replace(/\/+$/, ""), suite, components, isWhole: true, keyring, architecture, isAdded: true },
    context,
  );
}

function withSuiteHint(suite: string, distribution: Distribution): (error: unknown) => never {
  return (error) => {
    if (!isBaseKitError(error) || error.code !== "SUITE_NOT_ON_MIRROR") throw error;
    const hint = `${suiteHint(suite, distribution)}${error.hint ?? ""}`;
    throw new BaseKitError(error.code, error.message, { kind: error.kind, hint, cause: error });
  };
}
