import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { type Image, parsePinnedReference, parseReference } from "@base-kit/core";
import { imagesOf, layoutSink, nodeOf, validateImages } from "@base-kit/oci";
import { type RegistryServer, requires, startRegistry } from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { attach, listAttachments } from "../src/attach.ts";
import { listTags } from "../src/list-tags.ts";
import { pushImage } from "../src/push-image.ts";
import { readImage } from "../src/read-image.ts";
import { registrySink } from "../src/registry-sink.ts";
import { testImage } from "./images.ts";
import { type TestContext, testContext } from "./in-context.ts";

describe.skipIf(requires("docker-registry").skip)("a registry without TLS on this machine", () => {
  let registry: RegistryServer;
  let own: TestContext;
  let image: Image;
  let arm: Image;
  beforeAll(async () => {
    own = await testContext();
    registry = await startRegistry({ dir: join(own.folder, "registry") });
    image = await testImage(own.context);
    arm = await testImage(own.context, { arch: "arm64" });
  });
  afterAll(async () => {
    await registry.stop();
    await own.dispose();
  });

  const named = (name: string) => parsePinnedReference(`${registry.host}/${name}`);
  const skopeo = (...args: readonly string[]) => execFileSync("skopeo", args, { encoding: "utf8", stdio: "pipe" });

  test("takes an image and gives it back", async () => {
    const { context } = own;
    const result = await registrySink(named("a/one:1")).write([image], [], context);
    expect(result.references).toEqual([`${registry.host}/a/one:1@${image.manifest.digest}`]);
    const node = await readImage(named("a/one:1"), context);
    expect(node.document.digest).toBe(image.manifest.digest);
    await validateImages(imagesOf(node), context);
    const pinned = await readImage(named(`a/one@${image.manifest.digest}`), context);
    expect(imagesOf(pinned)[0]?.config.digest).toBe(image.config.digest);
  });

  test("takes an index, and the same again with nothing sent", async () => {
    const { context } = own;
    await registrySink(named("a/both:1")).write([image, arm], [], context);
    const node = await readImage(named("a/both:1"), context);
    expect(imagesOf(node).map(({ platform }) => platform.architecture)).toEqual(["amd64", "arm64"]);
    await validateImages(imagesOf(node), context);
    await registrySink(named("a/both:1")).write([image, arm], [], context);
    expect(own.events.at(-1)).toMatchObject({ type: "step.ended", detail: "already there" });
  });

  test("mounts what another repository has", async () => {
    const { context } = own;
    const details: string[] = [];
    const handle = { progress: () => {}, detail: (text: string) => details.push(text) };
    await pushImage(nodeOf([image]), [parseReference(`${registry.host}/b/mounted:1`)], {
      context,
      from: "a/one",
      handle,
    });
    expect(details).toEqual(["blobs were there"]);
  });

  test("lists tags, page after page", async () => {
    const { context } = own;
    for (const tag of ["1", "2", "v1.2.3"]) await registrySink(named(`a/tags:${tag}`)).write([image], [], context);
    expect(await listTags(named("a/tags"), context)).toEqual(["1", "2", "v1.2.3"]);
    await expect(listTags(named("a/nothing"), context)).rejects.toMatchObject({ code: "REGISTRY_NOT_FOUND" });
  });

  test("does not have what was never pushed", async () => {
    await expect(readImage(named("a/one:nothing"), own.context)).rejects.toMatchObject({
      code: "REGISTRY_NOT_FOUND",
      kind: "network",
    });
  });

  test("keeps documents beside an image, which stays as it is", async () => {
    const { context } = own;
    await registrySink(named("a/doc:1")).write([image], [], context);
    const document = { type: "application/spdx+json", bytes: Buffer.from('{"spdxVersion":"SPDX-2.3"}') };
    const first = await attach(named("a/doc:1"), { ...document, title: "sbom.json" }, { context });
    expect(first.subject).toBe(image.manifest.digest);
    await attach(named("a/doc:1"), { ...document, title: "sbom.json" }, { context });
    const second = await attach(named("a/doc:1"), { type: "text/plain", bytes: Buffer.from("note") }, { context });
    const found = await listAttachments(named(`a/doc@${image.manifest.digest}`), { context });
    expect(found.map(({ digest, artifactType }) => [digest, artifactType])).toEqual([
      [first.digest, "application/spdx+json"],
      [second.digest, "text/plain"],
    ]);
    expect((await readImage(named("a/doc:1"), context)).document.digest).toBe(image.manifest.digest);
    // docker-registry 2.8 knows no referrers: the tag of the specification lists them.
    expect(await listTags(named("a/doc"), context)).toEqual(["1", image.manifest.digest.replace(":", "-")]);
  });

  describe.skipIf(requires("skopeo").skip)("beside skopeo", () => {
    test("skopeo reads what was pushed", () => {
      const raw = skopeo("inspect", "--raw", "--tls-verify=false", `docker://${registry.host}/a/both:1`);
      expect(JSON.parse(raw).manifests).toHaveLength(2);
      const copy = join(own.folder, "copy");
      skopeo("copy", "--all", "--src-tls-verify=false", `docker://${registry.host}/a/both:1`, `oci:${copy}:1`);
    });

    test.each(["oci", "v2s2"])("what skopeo pushed as %s is read", async (format) => {
      const { context } = own;
      const layout = join(own.folder, "layout");
      await layoutSink(layout, "one").write([image], [], context);
      const name = `${registry.host}/skopeo/${format}:1`;
      skopeo("copy", "--format", format, "--dest-tls-verify=false", `oci:${layout}:one`, `docker://${name}`);
      const node = await readImage(parsePinnedReference(name), context);
      await validateImages(imagesOf(node), context);
      expect(imagesOf(node)[0]?.layers[0]?.diffId).toBe(image.layers[0]?.diffId);
    });
  });
});
