import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  newApkKey,
  type OciDocument,
  type RegistryServer,
  requireOciDocument,
  requires,
  startRegistry,
  writeApkRepository,
} from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { copyAlpineMirror } from "./alpine-mirror.ts";
import { createSandbox, type Sandbox } from "./run-cli.ts";

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

interface Built {
  readonly diffIds: readonly string[];
}

const INDEX = "application/vnd.oci.image.index.v1+json";
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const KINDS: Readonly<Record<string, OciDocument>> = {
  [INDEX]: "index",
  [MANIFEST]: "manifest",
  "application/vnd.oci.image.config.v1+json": "config",
};

const ONE = ["manifest", "config"] as const;
const BOTH = ["index", ...ONE, ...ONE] as const;

const KEY = newApkKey();
const SETTINGS = [
  ...["--env", "A=b=c", "--env", "EMPTY=", "--cmd", '["run","two words"]', "--entrypoint", "/bin/start -v"],
  ...["--user", "1000:1000", "--workdir", "/srv", "--expose", "80", "--expose", "53/udp", "--volume", "/data"],
  ...["--label", "a=1\n2", "--annotation", "org.opencontainers.image.source=https://example.com/x"],
  ...["--stop-signal", "SIGINT", "--source-date-epoch", "1700000000", "--arch", "arm/v7"],
];

/** What commands really write, everywhere they can write it, read back there and compared with the schemas of the specification. */
describe.skipIf(requires("alpine-mirror", "docker-registry", "tar", "zstd").skip)("the documents of", () => {
  let sandbox: Sandbox;
  let registry: RegistryServer;
  let dir: string;

  beforeAll(async () => {
    sandbox = createSandbox();
    dir = mkdtempSync(join(tmpdir(), "bk-registry-"));
    registry = await startRegistry({ dir });
    mkdirSync(sandbox.work("tree/etc"), { recursive: true });
    writeFileSync(sandbox.work("tree/etc/os-release"), 'PRETTY_NAME="Demo 1"\nVERSION_ID=1\n');
    for (const architecture of ["x86_64", "aarch64"]) {
      await copyAlpineMirror(sandbox.work("mirror"), architecture);
      const packages = ["one", "two"].map((name) => ({ name, files: { [`usr/share/${name}`]: name } }));
      writeApkRepository(sandbox.work("mirror/v3.20/main"), packages, KEY, architecture);
    }
  });
  afterAll(async () => {
    await registry.stop();
    rmSync(dir, { recursive: true, force: true });
    sandbox.dispose();
  });

  const alpine = [
    "build",
    "alpine:3.20",
    "--mirror",
    "mirror",
    "--keyring",
    `mirror/v3.20/main/${KEY.name}`,
    "--include",
    "one,two",
  ];
  const runs: readonly (readonly [
    what: string,
    tag: string,
    args: readonly string[],
    layers: number,
    documents: readonly OciDocument[],
  ])[] = [
    ["a directory, with all settings", "all", ["import", "tree", "demo/all:1", ...SETTINGS], 1, ONE],
    ["an uncompressed layer", "none", ["import", "tree", "demo/none:1", "--compression", "none"], 1, ONE],
    ["a zstd layer", "zstd", ["import", "tree", "demo/zstd:1", "--compression", "zstd"], 1, ONE],
    ["several layers", "layers", [...alpine, "--layers", "3", "--compressor", "portable"], 3, ONE],
    ["two architectures of several layers", "both", [...alpine, "--layers", "3", "--arch", "amd64,arm64"], 3, BOTH],
    [
      "an image with the layers of another",
      "kept",
      ["build", "image:oci:all:all", "--arch", "arm/v7", "--keep-layers", "--env", "C=d"],
      1,
      ONE,
    ],
    ["an image over another", "flat", ["build", "image:oci:layers:layers", "--label", "flat=yes"], 1, ONE],
  ];

  test.each(runs)("%s", async (_what, tag, args, layers, documents) => {
    const files = [`oci:${tag}:${tag}`, `oci-archive:${tag}.tar`, `docker-archive:${tag}-for-docker.tar`];
    const outputs = [...files, `docker://${registry.host}/demo/${tag}:1`];
    const { diffIds } = await sandbox.json<Built>([...args, ...outputs.flatMap((output) => ["-o", output])]);
    expect(diffIds).toHaveLength(layers);
    for (const folder of [tag, unpacked(`${tag}.tar`)]) {
      expect(await inLayout(folder), folder).toEqual(["layout", "index", ...documents]);
    }
    // Which holds one image.
    expect(await inLayout(unpacked(`${tag}-for-docker.tar`))).toEqual(["layout", "index", ...ONE]);
    expect(await inRegistry(`demo/${tag}`, "1")).toEqual(documents);
  });

  test("a layout that images are copied to, and what is put beside one of them in a registry", async () => {
    for (const tag of ["all", "both"]) {
      await sandbox.json(["copy", `docker://${registry.host}/demo/${tag}:1`, `oci:copied:${tag}`]);
    }
    expect(await inLayout("copied")).toEqual(["layout", "index", ...ONE, ...BOTH]);
    writeFileSync(sandbox.work("sbom.json"), '{"bomFormat":"CycloneDX"}');
    const { subject } = await sandbox.json<{ readonly subject: string }>([
      "attach",
      `${registry.host}/demo/all:1`,
      "sbom.json",
    ]);
    expect(await inRegistry("demo/all", subject.replace(":", "-"))).toEqual(["index", "manifest"]);
  });

  function unpacked(archive: string): string {
    const folder = `${archive}.unpacked`;
    mkdirSync(sandbox.work(folder));
    execFileSync("tar", ["-xf", sandbox.work(archive), "-C", sandbox.work(folder)]);
    return folder;
  }

  async function inLayout(folder: string): Promise<readonly OciDocument[]> {
    const read = (name: string) => readFileSync(sandbox.work(join(folder, name)));
    requireOciDocument("layout", JSON.parse(String(read("oci-layout"))));
    const index = JSON.parse(String(read("index.json")));
    requireOciDocument("index", index);
    const below = await all(index.manifests, async ({ digest }) => read(`blobs/${digest.replace(":", "/")}`));
    return ["layout", "index", ...below];
  }

  async function inRegistry(repository: string, tag: string): Promise<readonly OciDocument[]> {
    const get = (path: string) =>
      fetch(`http://${registry.host}/v2/${repository}/${path}`, { headers: { accept: `${INDEX}, ${MANIFEST}` } });
    const { headers } = await get(`manifests/${tag}`);
    const root = {
      mediaType: headers.get("content-type") ?? "",
      digest: headers.get("docker-content-digest") ?? "",
      size: Number(headers.get("content-length")),
    };
    return all([root], async ({ mediaType, digest }) => {
      const kind = KINDS[mediaType] === "config" ? "blobs" : "manifests";
      return Buffer.from(await (await get(`${kind}/${digest}`)).arrayBuffer());
    });
  }
});

type Read = (descriptor: Descriptor) => Promise<Buffer>;

/** Documents and all that these name, each the one that its descriptor says; what was found, by its kind. */
async function all(descriptors: readonly Descriptor[], read: Read): Promise<readonly OciDocument[]> {
  const found: OciDocument[] = [];
  for (const { mediaType, digest, size } of descriptors) {
    const kind = KINDS[mediaType];
    // Of an attachment it is empty.
    if (kind === undefined) continue;
    const bytes = await read({ mediaType, digest, size });
    expect({ digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}`, size: bytes.length }).toEqual({
      digest,
      size,
    });
    const document = JSON.parse(String(bytes));
    requireOciDocument(kind, document);
    const named = { layout: [], index: document.manifests, manifest: [document.config], config: [] }[kind];
    found.push(kind, ...(await all(named, read)));
  }
  return found;
}
