import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import type { Digest, Image, Layer } from "@base-kit/core";
import { writeTar } from "@base-kit/tar";
import { entriesFromText, textFromEntries } from "@base-kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { flattenedSegment, flattenLayers } from "../src/index.ts";
import { inContext, type TestContext } from "./in-context.ts";

let context: TestContext;
beforeEach(() => {
  context = inContext();
});
afterEach(() => context[Symbol.dispose]());

function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

async function layerOf(text: string, compression: "none" | "gzip" = "none"): Promise<Layer> {
  const parts: Buffer[] = [];
  for await (const chunk of writeTar(entriesFromText(text))) parts.push(chunk);
  const tar = Buffer.concat(parts);
  const bytes = compression === "none" ? tar : gzipSync(tar);
  return {
    mediaType: "application/vnd.oci.image.layer.v1.tar",
    digest: digestOf(bytes),
    size: bytes.length,
    diffId: digestOf(tar),
    compression,
    open: async function* () {
      yield bytes;
    },
  };
}

async function imageOf(...texts: readonly string[]): Promise<Image> {
  const layers = await Promise.all(texts.map((text, index) => layerOf(text, index === 0 ? "gzip" : "none")));
  const none = layers[0] as Layer;
  return {
    platform: { os: "linux", architecture: "amd64" },
    config: none,
    manifest: none,
    layers,
    annotations: {},
    runtime: {},
  };
}

/** What the layers come to, as text. */
async function flat(...texts: readonly string[]): Promise<string> {
  return textFromEntries((await flattenLayers(await imageOf(...texts), context)).entries);
}

const lines = (...each: readonly string[]) => each.join("\n");

const BASE = lines(
  'file 644 0:0 etc/hostname "box\\n"',
  'file 644 0:0 etc/motd "hello"',
  'file 755 0:0 usr/bin/tool "tool"',
  "hardlink 755 0:0 usr/bin/alias => usr/bin/tool",
  "symlink 777 0:0 bin -> usr/bin",
);
const DIRECTORIES = ["directory 755 0:0 etc/", "directory 755 0:0 usr/", "directory 755 0:0 usr/bin/"] as const;

describe("layers over each other", () => {
  test("one layer is itself, with the folders it implies", async () => {
    expect(await flat(BASE)).toBe(
      lines(
        "symlink 777 0:0 bin -> usr/bin",
        DIRECTORIES[0],
        'file 644 0:0 etc/hostname "box\\n"',
        'file 644 0:0 etc/motd "hello"',
        DIRECTORIES[1],
        DIRECTORIES[2],
        'file 755 0:0 usr/bin/alias "tool"',
        "hardlink 755 0:0 usr/bin/tool => usr/bin/alias",
      ),
    );
  });

  test("a mark removes a file, a folder with all in it, and what a link leads past", async () => {
    const marks = lines('file 600 0:0 etc/.wh.motd ""', 'file 600 0:0 .wh.usr ""');
    expect(await flat(BASE, marks)).toBe(
      lines("symlink 777 0:0 bin -> usr/bin", DIRECTORIES[0], 'file 644 0:0 etc/hostname "box\\n"'),
    );
    expect(await flat(BASE, 'file 600 0:0 bin/.wh.tool ""')).not.toContain("usr/bin/tool");
  });

  test("an opaque folder hides what was in it, not what its own layer brings, whatever their order", async () => {
    for (const order of [0, 1]) {
      const upper = ['file 600 0:0 etc/.wh..wh..opq ""', 'file 640 0:0 etc/new "n"'];
      const result = await flat(BASE, lines(...(order === 0 ? upper : upper.toReversed())));
      expect(result).toContain('file 640 0:0 etc/new "n"');
      expect(result).not.toContain("motd");
      expect(result).toContain(DIRECTORIES[0]);
    }
  });

  test("a removed name may come again in the same layer", async () => {
    const upper = lines('file 644 0:0 etc/motd "again"', 'file 600 0:0 etc/.wh.motd ""');
    expect(await flat(BASE, upper)).toContain('etc/motd "again"');
  });

  test("a folder over a folder changes its attributes and keeps what is in it", async () => {
    const result = await flat(BASE, "directory 700 5:5 etc/");
    expect(result).toContain("directory 700 5:5 etc/");
    expect(result).toContain("etc/motd");
  });

  test("a file over a folder takes all of it away, a folder over a file the file", async () => {
    const result = await flat(BASE, 'file 644 0:0 etc "now a file"');
    expect(result).toContain('file 644 0:0 etc "now a file"');
    expect(result).not.toContain("hostname");
    expect(await flat(BASE, "directory 755 0:0 etc/motd/", 'file 644 0:0 etc/motd/x "x"')).toContain("etc/motd/x");
  });

  test("a symbolic link is replaced by what comes in its place, and followed by what comes below it", async () => {
    expect(await flat(BASE, 'file 755 0:0 bin/more "m"')).toContain('file 755 0:0 usr/bin/more "m"');
    const result = await flat(BASE, "directory 755 0:0 bin/", 'file 755 0:0 bin/own "o"');
    expect(result).toContain('file 755 0:0 bin/own "o"');
    expect(result).toContain("usr/bin/tool");
  });

  test("links out of the root lead back into it", async () => {
    const link = "symlink 777 0:0 out -> ../../../../etc";
    expect(await flat(BASE, link, 'file 644 0:0 out/passwd "p"')).toContain('file 644 0:0 etc/passwd "p"');
  });

  test("a hard link to a file of a lower layer shares it; replacing one name leaves the other", async () => {
    const result = await flat(BASE, "hardlink 644 0:0 etc/greeting => etc/motd", 'file 644 0:0 etc/motd "new"');
    expect(result).toContain('file 644 0:0 etc/greeting "hello"');
    expect(result).toContain('file 644 0:0 etc/motd "new"');
  });

  test("are told apart: who brought what is seen", async () => {
    const image = await imageOf(BASE, 'file 644 0:0 etc/motd "longer than before"');
    const { entries, origins, layers } = await flattenLayers(image, context);
    const at = entries.findIndex(({ path }) => path === "etc/motd");
    expect(origins[at]).toBe(1);
    expect(origins[at - 1]).toBe(0);
    expect(layers.map(({ entries: count }) => count)).toEqual([5, 1]);
  });

  test("may be a root filesystem's segment, named by what they are", async () => {
    const segment = await flattenedSegment(await imageOf(BASE, 'file 600 0:0 .wh.etc ""'), context);
    expect(await textFromEntries(segment.entries())).not.toContain("etc");
    expect(segment.key).toMatch(/^layers:sha256:[0-9a-f]{64}$/);
    expect((await flattenedSegment(await imageOf(BASE), context)).key).not.toBe(segment.key);
  });
});

describe("what nobody sees", () => {
  test("is counted once per file, with the layer that hides it", async () => {
    const { hidden } = await flattenLayers(
      await imageOf(
        BASE,
        'file 644 0:0 etc/motd "new"',
        lines('file 600 0:0 .wh.etc ""', 'file 600 0:0 usr/bin/.wh.tool ""'),
      ),
      context,
    );
    expect(hidden).toEqual([
      { path: "etc/motd", size: 5, layer: 0, by: 1, how: "replaced" },
      { path: "etc/hostname", size: 4, layer: 0, by: 2, how: "removed" },
      { path: "etc/motd", size: 3, layer: 1, by: 2, how: "removed" },
    ]);
  });

  test("is not what another name still leads to", async () => {
    const both = lines('file 600 0:0 usr/bin/.wh.tool ""', 'file 600 0:0 usr/bin/.wh.alias ""');
    const { hidden } = await flattenLayers(await imageOf(BASE, both), context);
    expect(hidden.map(({ size }) => size)).toEqual([4]);
  });
});

describe("layers that mean harm or are damaged", () => {
  test("links in a circle end in an error", async () => {
    const circle = lines("symlink 777 0:0 a -> b", "symlink 777 0:0 b -> a", 'file 644 0:0 a/x "x"');
    await expect(flat(circle)).rejects.toMatchObject({ code: "LAYER_LINK_LOOP", kind: "unsupported" });
  });

  test("links that multiply the depth end in an error, not in a full stack", async () => {
    const deep = Array.from({ length: 1500 }, () => "d").join("/");
    const chain = [`directory 755 0:0 ${deep}/`, `symlink 777 0:0 l0 -> ${deep}`];
    for (let n = 1; n < 30; n++)
      chain.push(`directory 755 0:0 l${n - 1}/${deep}/`, `symlink 777 0:0 l${n} -> l${n - 1}/${deep}`);
    await expect(flat(chain.join("\n"))).rejects.toMatchObject({ code: "LAYER_PATH" });
  });

  test("a hard link to nothing is refused, across layers too", async () => {
    await expect(flat(BASE, lines('file 600 0:0 .wh.etc ""', "hardlink 644 0:0 x => etc/motd"))).rejects.toMatchObject({
      code: "LAYER_HARDLINK",
      message: expect.stringContaining("layer 1"),
    });
  });

  test("a layer that is not what the config says is refused", async () => {
    const image = await imageOf(BASE);
    const layers = image.layers.map((layer) => ({ ...layer, diffId: `sha256:${"0".repeat(64)}` as const }));
    await expect(flattenLayers({ ...image, layers }, context)).rejects.toMatchObject({ code: "IMAGE_INVALID" });
  });

  test("marks for what is not there mean nothing", async () => {
    const marks = lines('file 600 0:0 nowhere/.wh.x ""', 'file 600 0:0 .wh.y ""', 'file 600 0:0 etc/motd/.wh.z ""');
    expect(await flat(BASE, marks)).toBe(await flat(BASE));
  });
});
