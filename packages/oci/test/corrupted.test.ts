import { createHash } from "node:crypto";
import { createReadStream, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Digest } from "@base-kit/core";
import { directoryEntry, fileEntry } from "@base-kit/rootfs";
import { writeTar } from "@base-kit/tar";
import { readContent } from "@base-kit/testing";
import { describe, expect, test } from "vitest";
import { checkedEnvelope } from "../src/envelope.ts";
import { openArchive, validateImages } from "../src/index.ts";
import { nodeOf } from "../src/stored-images.ts";
import { inContext } from "./in-context.ts";

const ENTRIES = [directoryEntry("etc"), fileEntry("etc/motd", "hello".repeat(300)), fileEntry("etc/name", "x")];
const HEADER_OF_LAST = 512 + 512 + 1536;

/** What an archive is made of; each of them may be a lie. */
interface Parts {
  readonly layer: Buffer;
  readonly layerDigest?: Digest;
  readonly layerSize?: number;
  readonly diffId: Digest;
  readonly mediaType?: string;
  readonly architecture?: string;
  readonly configSize?: number;
  readonly without?: string;
}

/**
 * An archive of hand-made documents that agree with each other in all but what is given. No client of those in use notices
 * all of these: one takes a wrong diffID, another a wrong size.
 */
async function archiveOf(parts: Parts): Promise<Buffer> {
  const layerDigest = parts.layerDigest ?? digestOf(parts.layer);
  const config = Buffer.from(
    JSON.stringify({
      architecture: parts.architecture ?? "amd64",
      os: "linux",
      config: {},
      rootfs: { type: "layers", diff_ids: [parts.diffId] },
    }),
  );
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: {
        mediaType: "application/vnd.oci.image.config.v1+json",
        digest: digestOf(config),
        size: parts.configSize ?? config.length,
      },
      layers: [
        {
          mediaType: parts.mediaType ?? "application/vnd.oci.image.layer.v1.tar+gzip",
          digest: layerDigest,
          size: parts.layerSize ?? parts.layer.length,
        },
      ],
    }),
  );
  const index = {
    schemaVersion: 2,
    manifests: [
      {
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        digest: digestOf(manifest),
        size: manifest.length,
        platform: { os: "linux", architecture: "amd64" },
      },
    ],
  };
  const files = [
    fileEntry(pathOf(layerDigest), parts.layer),
    fileEntry(pathOf(digestOf(config)), config),
    fileEntry(pathOf(digestOf(manifest)), manifest),
    fileEntry("oci-layout", '{"imageLayoutVersion":"1.0.0"}'),
    fileEntry("index.json", JSON.stringify(index)),
    fileEntry("manifest.json", "[]"),
  ];
  return readContent(writeTar(files.filter(({ path }) => path !== parts.without)));
}

test("a writer that stops within a content, as on a full disk, hears nothing of who looks on", async () => {
  using context = inContext();
  const layer = await readContent(writeTar(ENTRIES));
  const file = join(context.folder, "image.tar");
  const mediaType = "application/vnd.oci.image.layer.v1.tar";
  writeFileSync(file, await archiveOf({ layer, diffId: digestOf(layer), mediaType }));
  const node = nodeOf(await openArchive(file));
  const looking = checkedEnvelope(createReadStream(file, { highWaterMark: 600 }), node, file);
  for (let chunks = 0; chunks < 2; chunks++) expect((await looking.next()).done).toBe(false);
  const uncaught: unknown[] = [];
  const hear = (error: unknown) => void uncaught.push(error);
  process.on("uncaughtException", hear);
  try {
    await looking.return();
    await new Promise(setImmediate);
  } finally {
    process.off("uncaughtException", hear);
  }
  expect(uncaught).toEqual([]);
});

describe("the validator notices", () => {
  const sound = async () => {
    const tar = await readContent(writeTar(ENTRIES));
    return { tar, layer: gzipSync(tar), diffId: digestOf(tar) };
  };
  const check = async (parts: Parts, spoil: (archive: Buffer) => Buffer = (archive) => archive) => {
    using context = inContext();
    const file = join(context.folder, "image.tar");
    writeFileSync(file, spoil(await archiveOf(parts)));
    const images = await openArchive(file);
    await validateImages(images, context);
    for await (const _ of checkedEnvelope(createReadStream(file), nodeOf(images), file));
  };

  test("nothing where nothing is wrong", async () => {
    const { tar, layer, diffId } = await sound();
    await check({ layer, diffId });
    await check({ layer: tar, diffId, mediaType: "application/vnd.oci.image.layer.v1.tar" });
  });

  const plain = "application/vnd.oci.image.layer.v1.tar";
  type Sound = Awaited<ReturnType<typeof sound>>;
  const cases: readonly (readonly [string, (given: Sound) => Parts | Promise<Parts>])[] = [
    ["a wrong diffID", ({ layer }) => ({ layer, diffId: `sha256:${"0".repeat(64)}` })],
    [
      "a flipped bit in a layer",
      ({ layer, diffId }) => ({ layer: flipped(layer), layerDigest: digestOf(layer), diffId }),
    ],
    [
      "a cut layer",
      ({ layer, diffId }) => ({
        layer: layer.subarray(0, -9),
        layerDigest: digestOf(layer),
        layerSize: layer.length,
        diffId,
      }),
    ],
    [
      "a layer cut between two entries, with digests to match",
      ({ tar, diffId }) => ({ layer: tar.subarray(0, HEADER_OF_LAST), diffId, mediaType: plain }),
    ],
    [
      "a layer cut between two entries, and no end to it",
      ({ tar }) => {
        const cut = tar.subarray(0, HEADER_OF_LAST);
        return { layer: cut, diffId: digestOf(cut), mediaType: plain };
      },
    ],
    ["a layer's size that is off by 7", ({ layer, diffId }) => ({ layer, layerSize: layer.length + 7, diffId })],
    ["a config's size that is off by 7", ({ layer, diffId }) => ({ layer, diffId, configSize: 7 })],
    ["a layer of another kind than its media type", ({ layer, diffId }) => ({ layer, diffId, mediaType: plain })],
    [
      "a file twice in a layer",
      async () => {
        const tar = await readContent(writeTar([...ENTRIES, fileEntry("etc/name", "y")]));
        return { layer: gzipSync(tar), diffId: digestOf(tar) };
      },
    ],
    [
      "a folder behind what is in it",
      async () => {
        const tar = await readContent(writeTar([fileEntry("etc/name", "y"), directoryEntry("etc")]));
        return { layer: gzipSync(tar), diffId: digestOf(tar) };
      },
    ],
    [
      "something in a file",
      async () => {
        const tar = await readContent(writeTar([fileEntry("etc", "y"), fileEntry("etc/name", "")]));
        return { layer: gzipSync(tar), diffId: digestOf(tar) };
      },
    ],
    [
      "a deletion mark",
      async () => {
        const tar = await readContent(writeTar([fileEntry(".wh.etc", "")]));
        return { layer: gzipSync(tar), diffId: digestOf(tar) };
      },
    ],
    ["a missing layer", ({ layer, diffId }) => ({ layer, diffId, without: pathOf(digestOf(layer)) })],
    ["a missing manifest.json", ({ layer, diffId }) => ({ layer, diffId, without: "manifest.json" })],
    ["a missing index.json", ({ layer, diffId }) => ({ layer, diffId, without: "index.json" })],
    ["another architecture in the config", ({ layer, diffId }) => ({ layer, diffId, architecture: "" })],
  ];
  test.each(cases)("%s", async (_what, parts) => {
    await expect(check(await parts(await sound()))).rejects.toMatchObject({ name: "BaseKitError" });
  });

  test("every cut of an archive, and what follows its end", async () => {
    const { layer, diffId } = await sound();
    const { length } = await archiveOf({ layer, diffId });
    for (let size = 0; size < length - 1024; size += 512) {
      await expect(check({ layer, diffId }, (archive) => archive.subarray(0, size))).rejects.toMatchObject({
        name: "BaseKitError",
      });
    }
  });
});

function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy[40] = (copy[40] as number) ^ 1;
  return copy;
}

function pathOf(digest: Digest): string {
  return `blobs/${digest.replace(":", "/")}`;
}

function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
