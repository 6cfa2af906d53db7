import { pathToFileURL } from "node:url";
import {
  BaseKitError,
  type Context,
  type Lock,
  type LockedInput,
  type ProducerRequest,
  printable,
  step,
} from "@base-kit/core";
import { debianMachine, type FetchedRelease, fetchRelease, requireKeyring } from "@base-kit/debian-archive";
import { parseRelease, type Release, requireExpectedRelease } from "@base-kit/signatures";
import { chooseArchive } from "./archive.ts";
import { checkOptions } from "./check-options.ts";
import { debootstrapVersion } from "./debootstrap-version.ts";
import { KEYRING_INPUT, PROGRAM_INPUT } from "./locked.ts";
import type { DebootstrapOptions } from "./options.ts";
import { debootstrapDir, findSuite } from "./suite.ts";

/** Decides which archive, verifies its Release, and writes down what everything after it depends on. */
export async function resolve(request: ProducerRequest<DebootstrapOptions>, context: Context): Promise<Lock> {
  const options = await checkOptions(request.options);
  const suite = await findSuite(request.release, debootstrapDir(context.env));
  const { debian: architecture } = debianMachine(request.platform);
  const program = await debootstrapVersion(context);
  const { mirror, keyring: path } = await chooseArchive({ ...options, suite, architecture }, context);
  const { distribution } = suite;
  const keyring = await requireKeyring(path, { distribution, isNamed: options.keyring !== undefined });

  return step(context, `verifying the Release of ${suite.name}`, async (handle) => {
    const fetched = await fetchRelease({ mirror, suite: suite.name, keyring }, context);
    const subject = `the Release of ${suite.name} at ${mirror}`;
    const release = parseRelease(fetched.verified.text, subject);
    const expected = { suite: suite.name, components: options.components, architecture, now: context.clock.now() };
    requireExpectedRelease(release, { ...expected, subject });
    const signers = fetched.verified.signatures.map(({ primaryFingerprint }) => primaryFingerprint);
    handle.detail(`${describe(release)}, signed by ${signers.map((fingerprint) => fingerprint.slice(-16)).join(", ")}`);
    const inputs = [
      ...releaseInputs(fetched, signers.join(" ")),
      ...indexInputs(release, { mirror, suite: suite.name, components: options.components, architecture }),
      { name: KEYRING_INPUT, url: pathToFileURL(path).href, sha256: keyring.sha256 },
      { name: PROGRAM_INPUT, url: `pkg:generic/debootstrap@${encodeURIComponent(program)}` },
    ];
    return {
      lockVersion: 1,
      producer: "debootstrap",
      release: suite.name,
      platform: request.platform,
      sourceDateEpoch: request.sourceDateEpoch ?? release.date,
      inputs,
      options: { ...options },
    };
  });
}

function releaseInputs({ files }: FetchedRelease, signers: string): readonly LockedInput[] {
  return files.map(({ bytes: _, ...file }) => ({ ...file, verifiedBy: signers }));
}

interface IndexRequest {
  readonly mirror: string;
  readonly suite: string;
  readonly components: readonly string[];
  readonly architecture: string;
}

/** The package lists, whose digests in turn cover every package. Compressed forms hold the same; the smallest is named. */
function indexInputs(release: Release, request: IndexRequest): readonly LockedInput[] {
  return request.components.map((component) => {
    const name = `${component}/binary-${request.architecture}/Packages`;
    const forms = ["", ".xz", ".bz2", ".gz"].flatMap((suffix) => {
      const digest = release.indexes.get(`${name}${suffix}`);
      return digest === undefined ? [] : [{ path: `${name}${suffix}`, ...digest }];
    });
    const [index] = forms.sort((a, b) => a.size - b.size);
    if (index === undefined) {
      throw new BaseKitError(
        "RELEASE_WITHOUT_INDEX",
        `the Release of ${printable(request.suite)} at ${request.mirror} lists no ${printable(name)}`,
        { kind: "verification", hint: "Is this mirror complete?" },
      );
    }
    const url = `${request.mirror}/dists/${request.suite}/${index.path}`;
    return { name: index.path, url, size: index.size, sha256: index.sha256, verifiedBy: "Release" };
  });
}

function describe({ origin, version, codename, date }: Release): string {
  const name = [origin, version, codename].filter((word) => word !== undefined).join(" ");
  return `${printable(name).replaceAll('"', "")} of ${new Date(date * 1000).toISOString().slice(0, 10)}`;
}
