import { type Context, type Image, type ImageReference, printable, type Rootfs, step } from "@base-kit/core";
import { cyclonedxDocument, type SbomProgram, spdxDocument } from "@base-kit/oci";
import { withLicences } from "@base-kit/rootfs";
import { writeFileAtomically } from "@base-kit/store";
import type { Destinations } from "./destinations.ts";
import { documentTitle } from "./open-file.ts";
import { type SbomFile, sbomPathFor } from "./options/sbom-file.ts";
import { STANDARD_OUTPUT, writeToStdout } from "./standard-output.ts";
import { isStream, writeToStream } from "./stream-file.ts";
import { version } from "./version.ts";

/** What an image is made of that its own files do not tell. */
export interface SbomFacts {
  /** os-release(5) of the system that its packages are of. */
  readonly system: Readonly<Record<string, string>>;
  readonly programs: readonly SbomProgram[];
}

export interface SbomImage {
  readonly rootfs: Rootfs;
  readonly facts?: SbomFacts;
  readonly image: Image;
  readonly name: string;
  /** Seconds since 1970. */
  readonly created: number;
}

/**
 * Lists what each image is made of, for those who look for vulnerable packages or licences: in files, and beside the image in
 * each registry it was pushed to. The same image gives the same bytes.
 *
 * @returns where they were written
 */
export async function writeSboms(
  images: readonly SbomImage[],
  { sboms, pushed }: Pick<Destinations, "sboms" | "pushed">,
  context: Context,
): Promise<readonly string[]> {
  if (sboms.length === 0) return [];
  const places: string[] = [];
  for (const image of images) {
    const own =
      images.length === 1
        ? sboms
        : sboms.map((file) => ({ ...file, path: sbomPathFor(file.path, image.image.platform) }));
    for (const sbom of await writeFor(image, own, context)) {
      await attachTo(pushed, image, { sbom, context });
      places.push(sbom.path);
    }
  }
  return places;
}

interface WrittenSbom extends SbomFile {
  readonly bytes: Buffer;
}

async function writeFor(
  { rootfs, facts, image, name, created }: SbomImage,
  files: readonly SbomFile[],
  context: Context,
): Promise<readonly WrittenSbom[]> {
  const packages = await withLicences(rootfs);
  const osRelease = facts?.system ?? rootfs.osRelease;
  const programs = facts?.programs ?? [];
  const subject = { name, image, packages, programs, osRelease, created, toolVersion: version() };
  const written: WrittenSbom[] = [];
  for (const { path, format } of files) {
    const title = path === STANDARD_OUTPUT ? "standard output" : printable(path);
    await step(context, `writing ${title}`, async (handle) => {
      const bytes = Buffer.from(format === "spdx" ? spdxDocument(subject) : cyclonedxDocument(subject));
      await write(path, bytes, context);
      written.push({ path, format, bytes });
      handle.detail(packages.length === 1 ? "1 package" : `${packages.length} packages`);
    });
  }
  return written;
}

async function write(path: string, bytes: Buffer, { signal }: Context): Promise<void> {
  if (path === STANDARD_OUTPUT) await writeToStdout([bytes], { onChunk: () => {}, signal });
  else if (await isStream(path)) await writeToStream(path, bytes, signal);
  else await writeFileAtomically(path, [bytes]);
}

/** The manifest's digest is named, not the tag: of several platforms each has its own list. */
async function attachTo(
  pushed: readonly ImageReference[],
  { image }: SbomImage,
  { sbom: { path, format, bytes }, context }: { readonly sbom: WrittenSbom; readonly context: Context },
): Promise<void> {
  if (pushed.length === 0) return;
  const { attach } = await import("@base-kit/registry");
  const type = format === "spdx" ? "application/spdx+json" : "application/vnd.cyclonedx+json";
  const title = documentTitle(path, type);
  for (const reference of pushed) {
    const pinned = { ...reference, digest: image.manifest.digest };
    await attach(pinned, { type, bytes, ...(title === undefined ? {} : { title }) }, { context });
  }
}
