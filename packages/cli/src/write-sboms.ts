import { type Context, formatPlatform, type Image, printable, type Rootfs, step } from "@base-kit/core";
import { cyclonedxDocument, type SbomProgram, spdxDocument } from "@base-kit/oci";
import { withLicences } from "@base-kit/rootfs";
import { writeFileAtomically } from "@base-kit/store";
import type { SbomFile } from "./options/sbom-file.ts";
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

/** Lists what each image is made of, for those who look for vulnerable packages or licences. The same image gives the same bytes. */
export async function writeSboms(
  files: readonly SbomFile[],
  images: readonly SbomImage[],
  context: Context,
): Promise<void> {
  if (files.length === 0) return;
  for (const image of images) {
    const own = images.length === 1 ? files : files.map((file) => ({ ...file, path: forPlatform(file.path, image) }));
    await writeFor(image, own, context);
  }
}

/** `x.spdx.json` becomes `x.arm64.spdx.json`, where each platform needs a file of its own. */
function forPlatform(path: string, { image: { platform } }: SbomImage): string {
  const name = formatPlatform(platform).slice("linux/".length).replace("/", "-");
  return path.replace(/\.(?=(?:spdx|cdx)\.json$)/i, `.${name}.`);
}

async function writeFor(
  { rootfs, facts, image, name, created }: SbomImage,
  files: readonly SbomFile[],
  context: Context,
): Promise<void> {
  const packages = await withLicences(rootfs);
  const osRelease = facts?.system ?? rootfs.osRelease;
  const programs = facts?.programs ?? [];
  const subject = { name, image, packages, programs, osRelease, created, toolVersion: version() };
  for (const { path, format } of files) {
    await step(context, `writing ${printable(path)}`, async (handle) => {
      const document = format === "spdx" ? spdxDocument(subject) : cyclonedxDocument(subject);
      await writeFileAtomically(path, [Buffer.from(document)]);
      handle.detail(packages.length === 1 ? "1 package" : `${packages.length} packages`);
    });
  }
}
