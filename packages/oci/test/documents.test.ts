import { type Digest, isBaseKitError } from "@base-kit/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { digestOf } from "../src/blob.ts";
import { chooseManifest } from "../src/choose-manifest.ts";
import { type Descriptor, parseConfig, parseIndex, parseManifest } from "../src/documents.ts";
import { MEDIA_TYPE } from "../src/media-types.ts";
import { type BlobSource, imagesOf, readNode, requireImages } from "../src/read-images.ts";

const DIGEST: Digest = `sha256:${"a".repeat(64)}`;
const blob = { mediaType: MEDIA_TYPE.config, digest: DIGEST, size: 1 };
const manifest = { schemaVersion: 2, config: blob, layers: [] };
const index = { schemaVersion: 2, manifests: [] };
const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));

describe("a document is refused", () => {
  test.each([
    ["that is no JSON", "{"],
    ["that is not UTF-8", Buffer.from([0x7b, 0xff, 0x7d])],
    ["that is a list", []],
    ["of schema 1", { ...manifest, schemaVersion: 1 }],
    ["without a schema", { config: blob, layers: [] }],
    ["that is an index too", { ...manifest, manifests: [] }],
    ["that is an index too, for a program that does not see case", { ...manifest, Manifests: [] }],
    ["with two kinds of layers for such a program", { ...manifest, LAYERS: [] }],
    ["without layers", { schemaVersion: 2, config: blob }],
    ["whose digest leads elsewhere", { ...manifest, config: { ...blob, digest: "sha256:../../etc/passwd" } }],
    ["whose digest is of another kind", { ...manifest, config: { ...blob, digest: `sha512:${"a".repeat(128)}` } }],
    ["whose digest is in upper case", { ...manifest, config: { ...blob, digest: DIGEST.toUpperCase() } }],
    ["with a negative size", { ...manifest, config: { ...blob, size: -1 } }],
    ["with half a byte", { ...manifest, config: { ...blob, size: 1.5 } }],
    ["with a size that is a text", { ...manifest, config: { ...blob, size: "1" } }],
    ["with a size beyond all numbers", { ...manifest, config: { ...blob, size: 2 ** 60 } }],
    ["with too many layers", { ...manifest, layers: Array.from({ length: 1001 }, () => blob) }],
    ["with annotations that are not text", { ...manifest, annotations: { a: 1 } }],
  ])("%s", (_what, document) => {
    const given = Buffer.isBuffer(document)
      ? document
      : typeof document === "string"
        ? Buffer.from(document)
        : bytes(document);
    expect(() => parseManifest(given, "it")).toThrow(expect.objectContaining({ code: "DOCUMENT_INVALID" }));
  });

  test("that is larger than any", () => {
    const large = bytes({ ...manifest, annotations: { a: "x".repeat(5 * 1024 ** 2) } });
    expect(() => parseManifest(large, "it")).toThrow(expect.objectContaining({ code: "DOCUMENT_INVALID" }));
  });

  test("or read, whatever is in it", () => {
    const values = fc.object({
      key: fc.constantFrom(
        "schemaVersion",
        "config",
        "layers",
        "manifests",
        "rootfs",
        "diff_ids",
        "Env",
        "os",
        "__proto__",
      ),
      maxDepth: 4,
      values: [fc.constant(2), fc.string(), fc.constant(DIGEST), fc.constant(null)],
    });
    fc.assert(
      fc.property(
        fc.oneof(
          values.map(bytes),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (document) => {
          for (const parse of [parseManifest, parseIndex, parseConfig]) {
            try {
              parse(document, "it");
            } catch (error) {
              expect(isBaseKitError(error)).toBe(true);
            }
          }
        },
      ),
    );
  });
});

describe("a config", () => {
  test("gives all settings, and __proto__ is a name like any other", () => {
    const config = JSON.stringify({
      os: "linux",
      architecture: "arm",
      variant: "v6",
      rootfs: { type: "layers", diff_ids: [DIGEST] },
      created: "2024-01-01T00:00:00Z",
      config: {
        Env: ["A=b=c", "EMPTY="],
        Cmd: null,
        User: "",
        ExposedPorts: { "80/tcp": {} },
        Volumes: { "/v": {} },
        StopSignal: "SIGINT",
        Labels: { x: "y" },
        Healthcheck: { Test: ["CMD", "true"], Interval: 30_000_000_000, Retries: 3 },
        Shell: ["/bin/ash", "-c"],
        OnBuild: ["RUN true"],
      },
      history: [
        { created_by: "ADD", comment: "first" },
        { created_by: "ENV", author: "me", empty_layer: true },
      ],
    }).replace('"x"', '"__proto__"');
    expect(parseConfig(Buffer.from(config), "it")).toEqual({
      platform: { os: "linux", architecture: "arm", variant: "v6" },
      diffIds: [DIGEST],
      created: "2024-01-01T00:00:00Z",
      runtime: {
        env: { A: "b=c", EMPTY: "" },
        expose: ["80/tcp"],
        volumes: ["/v"],
        stopSignal: "SIGINT",
        labels: Object.fromEntries([["__proto__", "y"]]),
        healthcheck: { test: ["CMD", "true"], interval: 30_000_000_000, retries: 3 },
        shell: ["/bin/ash", "-c"],
        onBuild: ["RUN true"],
      },
      history: [
        { createdBy: "ADD", comment: "first" },
        { createdBy: "ENV", author: "me", emptyLayer: true },
      ],
    });
  });
});

describe("which image is meant", () => {
  const named = (hex: string, tag?: string, architecture?: string): Descriptor => ({
    ...blob,
    digest: `sha256:${hex.repeat(64)}`,
    ...(tag === undefined ? {} : { annotations: { "org.opencontainers.image.ref.name": tag } }),
    ...(architecture === undefined ? {} : { platform: { os: "linux", architecture } }),
  });

  test("the only one, by tag, by digest, or one under two names", () => {
    const [one, two] = [named("1", "x"), named("2", "y")];
    expect(chooseManifest([one], undefined, "it").descriptor).toBe(one);
    expect(chooseManifest([one, two], "y", "it").descriptor).toBe(two);
    expect(chooseManifest([one, two], two.digest, "it").descriptor).toBe(two);
    expect(chooseManifest([one, named("1", "z")], undefined, "it").descriptor.digest).toBe(one.digest);
  });

  test("one for several platforms becomes an index", () => {
    const { made, descriptor } = chooseManifest([named("1", "x", "amd64"), named("2", "x", "arm64")], "x", "it");
    expect(made?.digest).toBe(descriptor.digest);
    expect(descriptor.mediaType).toBe(MEDIA_TYPE.index);
  });

  test.each([
    ["of two", [named("1", "x"), named("2", "y")], undefined, "IMAGE_AMBIGUOUS"],
    ["of two for one platform", [named("1", "x", "amd64"), named("2", "x", "amd64")], "x", "IMAGE_AMBIGUOUS"],
    ["of none", [], undefined, "IMAGE_NOT_FOUND"],
    ["by another name", [named("1", "x")], "z", "IMAGE_NOT_FOUND"],
  ] as const)("nobody can say %s", (_what, all, wanted, code) => {
    expect(() => chooseManifest(all, wanted, "it")).toThrow(expect.objectContaining({ code }));
  });
});

describe("an index", () => {
  /** Documents by digest, as a source that can be made to lie. */
  function sourceOf(documents: ReadonlyMap<string, Buffer>): BlobSource {
    return {
      name: "it",
      blob: ({ mediaType, digest, size }) => ({
        mediaType,
        digest,
        size,
        open: async function* () {
          yield documents.get(digest) ?? Buffer.from("{}");
        },
      }),
    };
  }
  function store(documents: Map<string, Buffer>, mediaType: string, value: unknown): Descriptor {
    const content = bytes(value);
    documents.set(digestOf(content), content);
    return { mediaType, digest: digestOf(content), size: content.length };
  }

  test("that names itself deeper and deeper ends", async () => {
    const documents = new Map<string, Buffer>();
    let child = store(documents, MEDIA_TYPE.index, index);
    for (let depth = 0; depth < 10; depth++) {
      child = store(documents, MEDIA_TYPE.index, { ...index, manifests: [child] });
    }
    await expect(readNode(sourceOf(documents), child)).rejects.toMatchObject({ code: "INDEX_TOO_LARGE" });
  });

  test("that names one thing a million times ends", async () => {
    const documents = new Map<string, Buffer>();
    const leaf = store(documents, MEDIA_TYPE.index, { ...index, manifests: [] });
    const wide = store(documents, MEDIA_TYPE.index, { ...index, manifests: Array.from({ length: 999 }, () => leaf) });
    const root = store(documents, MEDIA_TYPE.index, { ...index, manifests: Array.from({ length: 999 }, () => wide) });
    await expect(readNode(sourceOf(documents), root)).rejects.toMatchObject({ code: "INDEX_TOO_LARGE" });
  });

  test("whose child is another document than it says is refused", async () => {
    const documents = new Map<string, Buffer>();
    const child = store(documents, MEDIA_TYPE.index, index);
    const root = store(documents, MEDIA_TYPE.index, { ...index, manifests: [child] });
    documents.set(child.digest, bytes({ ...index, manifests: [blob] }).subarray(0, child.size));
    await expect(readNode(sourceOf(documents), root)).rejects.toMatchObject({ code: "BLOB_MISMATCH" });
  });

  test("keeps attestations and foreign platforms, which are no images", async () => {
    const documents = new Map<string, Buffer>();
    const configs = ["linux", "windows"].map((os) =>
      store(documents, MEDIA_TYPE.config, { os, architecture: "amd64", rootfs: { diff_ids: [] } }),
    );
    const manifests = configs.map((config) => store(documents, MEDIA_TYPE.manifest, { ...manifest, config }));
    const attestation = { ...(manifests[0] as Descriptor), platform: { os: "unknown", architecture: "unknown" } };
    const root = store(documents, MEDIA_TYPE.index, { ...index, manifests: [...manifests, attestation] });
    const node = await readNode(sourceOf(documents), root);
    expect(imagesOf(node).map(({ platform }) => platform)).toEqual([{ os: "linux", architecture: "amd64" }]);
    expect(node.type === "index" && node.children).toHaveLength(3);
    expect(() => requireImages(node, "it", { os: "linux", architecture: "s390x" })).toThrow(
      expect.objectContaining({ code: "IMAGE_NOT_FOUND", message: expect.stringContaining("linux/amd64") }),
    );
  });
});
