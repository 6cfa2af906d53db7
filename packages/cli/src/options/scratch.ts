import { BaseKitError, type Context, printable } from "@base-kit/core";
import { directoryRoot, type SearchRoot } from "@base-kit/elf";
import { flattenLayers } from "@base-kit/oci";
import { requireDirectory } from "@base-kit/rootfs";
import { entriesRoot, FEATURES, type Feature, type ScratchOptions } from "@base-kit/scratch";
import type { DestinationFlags } from "../destinations.ts";
import { openOne } from "../inspect/open-one.ts";

/** Flags that say what comes along, and from where. */
export interface NeedsFlags {
  readonly root?: string;
  readonly fromImage?: string;
  readonly with?: readonly string[];
  readonly without?: readonly string[];
  readonly caCertificates?: string;
  readonly arch?: string;
}

/** @throws BaseKitError `OPTION_INVALID` (usage), and what opening the image throws */
export async function needsFromFlags(
  flags: NeedsFlags & Pick<DestinationFlags, "importer" | "dockerHost" | "dockerContext">,
  context: Context,
): Promise<Pick<ScratchOptions, "root" | "with" | "without" | "caCertificates">> {
  const taken = flags.with?.map((value) => (isPath(value) ? value : feature("--with", value)));
  const left = flags.without?.map((value) => feature("--without", value));
  const root = await rootFromFlags(flags, context);
  const { caCertificates } = flags;
  const choice =
    caCertificates === undefined || caCertificates === "system" || caCertificates === "none"
      ? caCertificates
      : { file: caCertificates };
  return {
    ...(root === undefined ? {} : { root }),
    ...(taken === undefined ? {} : { with: taken }),
    ...(left === undefined ? {} : { without: left }),
    ...(choice === undefined ? {} : { caCertificates: choice }),
  };
}

async function rootFromFlags(
  { root, fromImage, arch, importer, dockerHost, dockerContext }: Parameters<typeof needsFromFlags>[0],
  context: Context,
): Promise<SearchRoot | undefined> {
  if (root !== undefined) {
    await requireDirectory(root);
    return directoryRoot(root);
  }
  if (fromImage === undefined) return undefined;
  const engine = {
    ...(arch === undefined ? {} : { arch }),
    ...(importer === undefined ? {} : { importer }),
    ...(dockerHost === undefined ? {} : { dockerHost }),
    ...(dockerContext === undefined ? {} : { dockerContext }),
  };
  const { image } = await openOne(fromImage, engine, context);
  return entriesRoot((await flattenLayers(image, context)).entries, fromImage);
}

function isPath(value: string): value is `/${string}` {
  return value.startsWith("/");
}

function feature(option: string, value: string): Feature {
  const found = FEATURES.find((name) => name === value);
  if (found !== undefined) return found;
  throw new BaseKitError(
    "OPTION_INVALID",
    `${option} ${printable(value)} is refused: expected ${FEATURES.join(", ")}${option === "--with" ? ", or an absolute path" : ""}`,
    {
      kind: "usage",
    },
  );
}
