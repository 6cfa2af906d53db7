import { createReadStream } from "node:fs";
import { BaseKitError, type Context, type LockedInput, printable, redactUrl } from "@base-kit/core";
import { fetchRelease } from "@base-kit/debian-archive";
import {
  type IndexDigest,
  type Keyring,
  parseRelease,
  type Release,
  requireExpectedRelease,
} from "@base-kit/signatures";
import { decompress, fetchFile } from "@base-kit/store";
import { collectPackagesIndex, type PackagesIndex } from "../index/packages-index.ts";
import { publicUrl } from "./credentials.ts";
import { perhapsOfAnotherState } from "./one-state.ts";

/** One suite of one archive. */
export interface SuiteSource {
  /** Without a slash at the end; may hold credentials of the environment. */
  readonly mirror: string;
  readonly suite: string;
  /** All that are wanted; those it does not have are an error only when `isWhole`. */
  readonly components: readonly string[];
  /** Whether every wanted component has to be there. */
  readonly isWhole: boolean;
  readonly keyring: Keyring;
  readonly architecture: string;
  /** Seconds since 1970, of an archive of the past: its dates and its keys are judged by that. */
  readonly asOf?: number | undefined;
  /** Whether the user added it to the distribution's own. */
  readonly isAdded: boolean;
}

/** A suite's Release, verified and of today. */
export interface VerifiedSuite {
  readonly source: SuiteSource;
  readonly release: Release;
  /** Fingerprints of the keys that signed it. */
  readonly signers: readonly string[];
  /** The wanted components that it has. */
  readonly components: readonly string[];
  /** Its files, for the lock. */
  readonly inputs: readonly [LockedInput, ...LockedInput[]];
}

/** A package list of one component. */
export interface ComponentIndex {
  readonly suite: VerifiedSuite;
  readonly input: LockedInput;
  /** Fetches it when it is not in the store, and reads it. */
  read(context: Context): Promise<PackagesIndex>;
}

/** @throws BaseKitError of kind network when the mirror does not have it, verification when it is not trusted */
export async function verifySuite(source: SuiteSource, context: Context): Promise<VerifiedSuite> {
  const { mirror, suite, architecture, keyring, asOf } = source;
  const now = asOf ?? context.clock.now();
  const within = { ...context, clock: { now: () => now, monotonicMs: () => context.clock.monotonicMs() } };
  const fetched = await fetchRelease({ mirror, suite, keyring }, within);
  const subject = `the Release of ${suite} at ${redactUrl(mirror)}`;
  const release = withPlainComponents(parseRelease(fetched.verified.text, subject));
  const components = source.isWhole
    ? source.components
    : source.components.filter((component) => release.components.includes(component));
  const isPast = asOf !== undefined;
  requireExpectedRelease(release, { suite, components, architecture, now, isPast, subject });
  const signers = fetched.verified.signatures.map(({ primaryFingerprint }) => primaryFingerprint);
  const facts = { date: new Date(release.date * 1000).toISOString() };
  const inputs = fetched.files.map(({ name, url, size, sha256 }) => {
    return { name: `${suite} ${name}`, url: publicUrl(url), size, sha256, verifiedBy: signers.join(" "), facts };
  });
  return { source, release, signers, components, inputs: inputs as readonly LockedInput[] as VerifiedSuite["inputs"] };
}

/** Debian's security archive calls `main` `updates/main`, and has it in the folder `main`. */
function withPlainComponents(release: Release): Release {
  return { ...release, components: release.components.map((component) => component.replace(/^updates\//, "")) };
}

/** Which files the suite's package lists are: for each component one, and where the archive has them apart one of what fits any machine. */
export function componentIndexes(suite: VerifiedSuite): readonly ComponentIndex[] {
  const { release, source, components } = suite;
  return components.flatMap((component) => {
    const own = componentIndex(suite, `${component}/binary-${source.architecture}/Packages`);
    const all = release.indexOfAll ? componentIndex(suite, `${component}/binary-all/Packages`) : undefined;
    const found = [own, all].filter((each) => each !== undefined);
    if (found.length > 0) return found;
    throw new BaseKitError(
      "RELEASE_WITHOUT_INDEX",
      `the Release of ${printable(source.suite)} at ${redactUrl(source.mirror)} lists no ${printable(`${component}/binary-${source.architecture}/Packages`)}`,
      { kind: "verification", hint: "Is this mirror complete?" },
    );
  });
}

interface IndexForm extends IndexDigest {
  readonly path: string;
  /** Bytes when unpacked, which archives tell also where no mirror has the plain form; 0 where they do not. */
  readonly plainSize: number;
}

/** gzip is half as large again as xz and read ten times as fast; mirrors seldom keep the plain form they list. */
const FORMS = [".gz", ".xz", ".zst", ""] as const;

function componentIndex(suite: VerifiedSuite, path: string): ComponentIndex | undefined {
  const { release, source } = suite;
  const plainSize = release.indexes.get(path)?.size ?? 0;
  const form = FORMS.map((suffix) => `${path}${suffix}`)
    .map((path) => ({ path, plainSize, ...release.indexes.get(path) }))
    .find((each): each is IndexForm => each.sha256 !== undefined);
  if (form === undefined) return undefined;
  const [first] = suite.inputs;
  const url = publicUrl(`${source.mirror}/dists/${source.suite}/${form.path}`);
  const input = {
    name: `${source.suite} ${form.path}`,
    url,
    size: form.size,
    sha256: form.sha256,
    verifiedBy: first.name,
  };
  return { suite, input, read: (context) => readIndex(suite, form, context) };
}

const PLAIN_AT_MOST = 1024 ** 3;

async function readIndex(
  { source, release }: VerifiedSuite,
  form: IndexForm,
  context: Context,
): Promise<PackagesIndex> {
  const folder = `${source.mirror}/dists/${source.suite}`;
  const expected = { digest: `sha256:${form.sha256}`, size: form.size } as const;
  const byName = `${folder}/${form.path}`;
  const byHash = `${byName.slice(0, byName.lastIndexOf("/"))}/by-hash/SHA256/${form.sha256}`;
  const fetch = (url: string) => fetchFile({ url, name: `${source.suite}/${form.path}`, ...expected }, context);
  const fetched = release.acquireByHash ? fetch(byHash).catch(unlessMissing(() => fetch(byName))) : fetch(byName);
  // Nobody fills a folder behind a build's back.
  const { path } = await (folder.startsWith("file:") ? fetched : fetched.catch(perhapsOfAnotherState));
  const subject = `${source.suite} ${form.path} of ${redactUrl(source.mirror)}`;
  const bytes = createReadStream(path, { highWaterMark: 1024 * 1024 });
  const pieces = decompress(bytes, { limit: PLAIN_AT_MOST, name: subject });
  return collectPackagesIndex(pieces, { subject, expected: Math.min(form.plainSize, PLAIN_AT_MOST) });
}

/** A mirror may promise to keep files by their digest, and not do so. */
function unlessMissing<T>(otherwise: () => Promise<T>): (error: unknown) => Promise<T> {
  return (error) => {
    const code = (error as { readonly code?: unknown }).code;
    if (code !== "FETCH_NOT_FOUND" && code !== "FILE_NOT_FOUND") throw error;
    return otherwise();
  };
}
