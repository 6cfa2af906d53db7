import {
  BaseKitError,
  type BuiltImage,
  type Context,
  type Digest,
  formatPlatform,
  type Image,
  type LockedPlatform,
  parsePlatform,
  printable,
  step,
} from "@base-kit/core";
import { buildImage, validateImage } from "@base-kit/oci";
import { layerOptions } from "../destinations.ts";
import { compressorOf, type ImageFlags, imageSettings, recordedFlags } from "../image-settings.ts";
import { compareImages, type ImageDifference } from "../inspect/compare-images.ts";
import { examine } from "../inspect/examine.ts";
import { firstDifference } from "../inspect/first-difference.ts";
import { openOne, type SourceFlags } from "../inspect/open-one.ts";
import { LOCK_NAME, readLockFile } from "../lock-store.ts";
import { lockedImage } from "../locked-image.ts";
import { isSame, type VendorFlags, withVendored } from "../locking.ts";
import { producerOfLock } from "../producer-of-lock.ts";

export interface VerifyFlags extends SourceFlags, VendorFlags {
  readonly lockfile?: string;
}

export interface Verified {
  /** Whether every image is the same. */
  readonly same: boolean;
  readonly platforms: readonly VerifiedPlatform[];
}

export interface VerifiedPlatform {
  readonly platform: string;
  /** `compression`: the image itself is the same, its layers are packed in another way. */
  readonly outcome: "same" | "compression" | "different";
  /** The manifest's digest, of what was to be verified and of what the lock gives now. */
  readonly expected: Digest;
  readonly found: Digest;
  /** Who packed the layers then and now, where that is known and differs. */
  readonly compressors?: { readonly expected: string; readonly found: string };
  /** The first file or field that differs, in words. */
  readonly first?: string;
  readonly difference?: ImageDifference;
}

/** `base-kit verify [image]`: makes the images of a lock again and compares them with an image, or with what the lock records. */
export async function verify(name: string | undefined, flags: VerifyFlags, outer: Context): Promise<Verified> {
  const context = await withVendored(outer, flags);
  const path = flags.lockfile ?? LOCK_NAME;
  const file = await readLockFile(path);
  if (file === undefined) throw unverifiable(`there is no lock ${printable(path)}`);
  const wanted = flags.arch === undefined ? undefined : parsePlatform(flags.arch);
  const among = file.platforms.filter(({ lock }) => wanted === undefined || isSame(lock.platform, wanted));
  const chosen = among.filter(({ built }) => built !== undefined);
  if (chosen.length === 0) {
    const which = wanted === undefined ? "no image" : `no image for ${formatPlatform(wanted)}`;
    throw unverifiable(`${printable(path)} records ${which}`);
  }
  const platforms: VerifiedPlatform[] = [];
  for (const each of chosen) platforms.push(await verifyOne(name, each as Recorded, { flags, context }));
  return { same: platforms.every(({ outcome }) => outcome !== "different"), platforms };
}

type Recorded = LockedPlatform & { readonly built: BuiltImage };

interface Within {
  readonly flags: VerifyFlags;
  readonly context: Context;
}

async function verifyOne(name: string | undefined, recorded: Recorded, within: Within): Promise<VerifiedPlatform> {
  const { flags, context } = within;
  const platform = formatPlatform(recorded.lock.platform);
  // Before the work: a name that leads to nothing is told at once.
  const expected = name === undefined ? undefined : (await openOne(name, { ...flags, arch: platform }, context)).image;
  if (expected === undefined) requireKnownValues(recorded);
  const found = await makeAgain(recorded, expected, context);
  if (expected === undefined) return againstRecord(recorded, found);
  const digests = { platform, expected: expected.manifest.digest, found: found.manifest.digest };
  if (digests.expected === digests.found) return { ...digests, outcome: "same" };
  // An engine keeps the config, whose digest is the image's id, and packs layers as it likes.
  const sameLayers =
    expected.layers.map(({ digest }) => digest).join() === found.layers.map(({ digest }) => digest).join();
  if (expected.config.digest === found.config.digest && !sameLayers) return { ...digests, outcome: "compression" };
  const before = await examine(expected, `reading ${printable(name ?? "")}`, context);
  const after = await examine(found, "reading what was made", context);
  const difference = await compareImages(before, after, context);
  return { ...digests, outcome: "different", first: firstDifference(difference), difference };
}

async function makeAgain({ lock, built }: Recorded, expected: Image | undefined, context: Context): Promise<Image> {
  const producer = await producerOfLock(lock);
  const flags = recordedFlags(built);
  // Without this environment: a time set in it is not the image's, and a name in the lock must not draw a secret out of it.
  const settings = imageSettings(flags, valuesIn(expected, flags));
  const epoch = settings.epoch ?? lock.sourceDateEpoch;
  const planned = await lockedImage({ ...lock, sourceDateEpoch: epoch }, { producer, settings }, context);
  const layers = layerOptions({ compression: "gzip", ...flags });
  const image = await buildImage(planned.rootfs, { ...planned.options, ...layers }, withoutMemory(context));
  await step(context, "checking the image", () => validateImage(image, context));
  return image;
}

/** `--env NAME` took a value that the lock does not have. The image has it; nothing else is to be learned from there. */
function valuesIn(image: Image | undefined, flags: ImageFlags): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(namesAlone(flags).map((name) => [name, image?.runtime.env?.[name]]));
}

function namesAlone({ env = [] }: ImageFlags): readonly string[] {
  return env.filter((each) => !each.includes("="));
}

/** @throws BaseKitError `VERIFY_NOTHING` (usage) */
function requireKnownValues({ built }: Recorded): void {
  const [name] = namesAlone(recordedFlags(built));
  if (name === undefined) return;
  throw new BaseKitError(
    "VERIFY_NOTHING",
    `nothing can be verified: the image was built with --env ${printable(name)}, whose value is not in the lock`,
    { kind: "usage", hint: "Name the image, which has the value: base-kit verify IMAGE." },
  );
}

/** What an earlier build has remembered proves nothing: everything is made again. */
function withoutMemory(context: Context): Context {
  return { ...context, store: { ...context.store, recall: async () => undefined } };
}

/** There is only a digest of each part to compare with. */
function againstRecord({ lock, built }: Recorded, image: Image): VerifiedPlatform {
  const digests = { platform: formatPlatform(lock.platform), expected: built.manifest, found: image.manifest.digest };
  if (digests.expected === digests.found) return { ...digests, outcome: "same" };
  if (built.config === image.config.digest) {
    const [expected, found] = [built.compressor, compressorOf(image)];
    if (expected !== undefined && expected === found) {
      return { ...digests, outcome: "different", first: "the manifest: its annotations, or the bytes of a layer" };
    }
    const known = expected !== undefined && found !== undefined;
    return { ...digests, outcome: "compression", ...(known ? { compressors: { expected, found } } : {}) };
  }
  const layer = image.layers.findIndex(({ diffId }, index) => built.diffIds[index] !== diffId);
  const first =
    layer >= 0
      ? `layer ${layer}: expected diffID ${built.diffIds[layer] ?? "none"}, got ${image.layers[layer]?.diffId}`
      : `config: expected ${built.config}, got ${image.config.digest}, with the same layers`;
  return { ...digests, outcome: "different", first };
}

function unverifiable(what: string): BaseKitError {
  return new BaseKitError("VERIFY_NOTHING", `nothing can be verified: ${what}`, {
    kind: "usage",
    hint: "`base-kit build … --lockfile` writes a lock that records what was built.",
  });
}
