import { type Entry, type Image, parsePlatform, type Rootfs, type Segment } from "@base-kit/core";
import { entriesFromText } from "@base-kit/testing";
import { type BuildImageOptions, buildImage, idOf, validateImages } from "../src/index.ts";
import { inContext } from "./in-context.ts";

/**
 * Digests that were right once and must stay so: for who locked an image, they are the promise. When one of these changes, every
 * image of every user changes; that is a major release.
 */
export const GOLDEN = {
  /** Of one uncompressed layer. */
  plain: "sha256:9cf2f9235bc7e1b1ccefceaa9f9734b07a6c19bbf4170c8fb78f11b601140138",
  /** Of several layers, by the portable compressor. */
  layered: "sha256:50357ada638bb96db07de813a7e6a0f664ce3de7dd4eee38da9e8dab5a735caa",
  /** For two architectures. */
  both: "sha256:a539cc87f428cc67c851beeb728a140410262de1ea84b1d0d422b165154d253a",
};

const LONG = `${"a-folder-with-a-long-name/".repeat(8)}and-a-file`;
const PARTS: Readonly<Record<string, string>> = {
  base: `
    directory 755 0:0@1600000000 etc
    directory 1777 0:0@1600000000 tmp
    symlink 777 0:0@1600000000 lib -> usr/lib
    character-device 666 0:0@1600000000 dev/null 1,3
    fifo 600 0:0@1600000000 run/pipe`,
  libc6: `
    file 755 0:0@1500000000 usr/lib/libc.so.6 "${"library ".repeat(4000)}"
    file 4755 0:5@1500000000 usr/lib/pt_chown "setuid" {security.capability="\\u0001\\u0000"}`,
  perl: `
    file 755 0:0@1500000001 usr/bin/perl "${"perl ".repeat(3000)}"
    hardlink 755 0:0@1500000001 usr/bin/perl5 => usr/bin/perl
    file 644 300000:300000@9000000000 ${LONG} "far"`,
  "sources.list": `file 644 0:0@1700000000 etc/apt/sources.list "deb …"`,
};

export const OPTIONS: BuildImageOptions = {
  created: 1_700_000_000,
  runtime: { labels: { b: "2", a: "1" }, expose: ["80/tcp"], volumes: ["/tmp"], user: "1000" },
  annotations: { "org.opencontainers.image.source": "https://example.com/golden" },
  createdBy: "base-kit build golden:1",
};

/** In which order the entries of a segment come; a file system has its own. */
export type Order = "forward" | "backward";

export function goldenRootfs(architecture: string, order: Order = "forward"): Rootfs {
  const segments = Object.entries(PARTS).map(([origin, text]): Segment => {
    const entries = inOrder(entriesFromText(text), order);
    return { key: `${origin} of the golden images`, origin, entries: () => entries };
  });
  return {
    platform: parsePlatform(architecture),
    osRelease: { PRETTY_NAME: "Golden 1", VERSION_ID: "1" },
    packages: ["libc6", "perl"].map((name) => ({ name, version: "1", architecture })),
    segments,
    runtime: { env: { PATH: "/usr/bin" }, cmd: ["/usr/bin/perl"] },
  };
}

/** Whatever the order, a hard link comes after the file. */
function inOrder(entries: readonly Entry[], order: Order): readonly Entry[] {
  if (order === "forward") return entries;
  const isLink = ({ type }: Entry) => type === "hardlink";
  const reversed = entries.toReversed();
  return [...reversed.filter((entry) => !isLink(entry)), ...reversed.filter(isLink)];
}

/** The three images as they are made here and now: what `GOLDEN` says of each. */
export async function goldenDigests(order: Order): Promise<Record<string, string>> {
  using context = inContext();
  const build = async (architecture: string, options: Partial<BuildImageOptions>): Promise<Image> => {
    const image = await buildImage(goldenRootfs(architecture, order), { ...OPTIONS, ...options }, context);
    await validateImages([image]);
    return image;
  };
  const plain = await build("amd64", { compression: "none" });
  const layered = await build("arm/v7", { layers: 4, compressor: "portable" });
  const both = [await build("amd64", { compressor: "portable" }), await build("arm64", { compressor: "portable" })];
  return { plain: idOf([plain]), layered: layered.manifest.digest, both: idOf(both) };
}
