import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { type Image, type PinnedReference, parsePinnedReference } from "@base-kit/core";
import { imagesOf, nodeOf, validateImages } from "@base-kit/oci";
import { type RegistryServer, requires, startRegistry } from "@base-kit/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { pushImage } from "../src/push-image.ts";
import { readImage } from "../src/read-image.ts";
import { type FaultyProxy, startFaultyProxy } from "./faulty-proxy.ts";
import { testImage } from "./images.ts";
import { type TestContext, testContext } from "./in-context.ts";

/** Milliseconds: what is tested is that it is tried again, not how long a person would wait. */
const delays = [1, 1, 1];
/** More than a chunk of an upload. */
const BIG = 17 * 1024 ** 2;
const MEDIUM = 2 * 1024 ** 2;

describe.skipIf(requires("docker-registry").skip)("a registry that fails", () => {
  let own: TestContext;
  let registry: RegistryServer;
  let proxy: FaultyProxy;
  let image: Image;
  let medium: Image;
  let big: Image;
  let name: PinnedReference;
  let made = 0;
  beforeAll(async () => {
    own = await testContext();
    registry = await startRegistry({ dir: join(own.folder, "registry") });
    proxy = await startFaultyProxy(registry.host);
    image = await testImage(own.context);
    medium = await testImage(own.context, { content: randomBytes(MEDIUM) });
    big = await testImage(own.context, { content: randomBytes(BIG) });
  });
  afterAll(async () => {
    proxy.close();
    await registry.stop();
    await own.dispose();
  });
  beforeEach(() => {
    name = parsePinnedReference(`${proxy.host}/fault/${++made}:1`);
    proxy.heal(`/${name.repository}/`);
  });

  const push = (what: Image = image) => pushImage(nodeOf([what]), [name], { context: own.context, delays });
  const read = (keep = false) => readImage(name, own.context, { delays, keep });
  /** All of it, from the registry itself. */
  const check = async (what: Image) => {
    const straight = parsePinnedReference(`${registry.host}/${name.repository}:1`);
    const node = await readImage(straight, own.context, { keep: false });
    expect(node.document.digest).toBe(what.manifest.digest);
    await validateImages(imagesOf(node), own.context);
  };
  const uploadOf = (what: Image) => new RegExp(`^PUT \\S*uploads\\S*${layerOf(what).replace(":", "%3A")}`);
  const layerOf = ({ layers }: Image) => layers[0]?.digest ?? "";

  describe("while it takes an image", () => {
    test.each([
      ["a lost answer to the end of an upload is not an upload lost", /^PUT \S*uploads/, { loseAnswer: true }],
      ["a connection that is closed before it begins", /^POST/, { reset: true }],
      ["a server that is overloaded", /^POST/, { status: 503, headers: { "retry-after": "0" } }],
      ["a server that asks for patience", /^PUT \S*manifests/, { status: 429, headers: { "retry-after": "0" } }],
      ["an upload that the registry has lost", /^PUT \S*uploads/, { status: 404 }],
      ["a server that answers 500 to a question", /^HEAD \S*blobs/, { status: 500 }],
    ] as const)("%s", async (_what, pattern, fault) => {
      proxy.next(pattern, fault);
      await push();
      await check(image);
    });

    test.each([408, 425, 429, 500, 502, 503, 504])("a server that answers %d for a moment", async (status) => {
      for (const pattern of [/^HEAD \S*blobs/, /^POST/, /^PUT \S*uploads/, /^PUT \S*manifests/]) {
        proxy.next(pattern, { status, headers: { "retry-after": "0" } });
      }
      await push();
      await check(image);
    });

    test("four blobs are on their way at once, not more", async () => {
      const architectures = ["amd64", "arm64", "s390x", "ppc64le", "riscv64"];
      const images: Image[] = [];
      for (const arch of architectures) {
        images.push(await testImage(own.context, { arch, content: randomBytes(MEDIUM) }));
      }
      let letGo = () => {};
      const heldUntil = new Promise<void>((resolve) => {
        letGo = resolve;
      });
      proxy.next(/^PUT \S*uploads/, ...images.flatMap(() => [{ heldUntil }, { heldUntil }]));
      const pushed = pushImage(nodeOf(images), [name], { context: own.context, delays });
      await vi.waitFor(() => expect(proxy.uploadsAtOnce()).toBe(4), { timeout: 60_000 });
      // A fifth would come now.
      await setTimeout(300);
      letGo();
      await pushed;
      expect(proxy.uploadsAtOnce()).toBe(4);
    });

    test("who may not mount sends", async () => {
      proxy.next(/^POST \S*mount=/, { status: 403 }, { status: 404 });
      await pushImage(nodeOf([image]), [name], { context: own.context, delays, from: "not/ours" });
      await check(image);
    });

    test("the first failure stops what else is on its way", async () => {
      proxy.next(uploadOf(medium), { hang: true });
      proxy.next(/^PUT/, { status: 403 });
      const started = performance.now();
      await expect(push(medium)).rejects.toMatchObject({ name: "BaseKitError" });
      expect(performance.now() - started).toBeLessThan(25_000);
    });

    // Debian's docker-registry forgets what it got of a broken request; one that does not is in resume.test.ts.
    test("an upload that breaks in the middle", async () => {
      proxy.next(uploadOf(medium), { cutUploadAfter: MEDIUM - 100_000 });
      await push(medium);
      await check(medium);
    });

    test("a proxy that takes no large requests, and then breaks the chunks too", async () => {
      proxy.next(uploadOf(big), { status: 413 });
      proxy.next(/^PATCH/, { cutUploadAfter: 5_000_000 }, { loseAnswer: true });
      await push(big);
      await check(big);
    });

    test("without an end it is given up, and the tag stays what it was", async () => {
      await push();
      proxy.next(/^PUT \S*manifests/, ...Array.from({ length: 4 }, () => ({ status: 502 })));
      await expect(push(medium)).rejects.toMatchObject({ code: "REGISTRY_STATUS", kind: "network" });
      await check(image);
    });

    test("one that wants more patience than anybody has is not waited for", async () => {
      proxy.next(/^POST/, { status: 429, headers: { "retry-after": "3600" } });
      await expect(push()).rejects.toMatchObject({ message: expect.stringContaining("3600 s") });
    });

    test.each([
      ["no place for the upload", /^POST/, { headers: { location: undefined } }, "REGISTRY_ANSWER_INVALID"],
      ["a place that is no URL", /^POST/, { headers: { location: "http://[" } }, "REGISTRY_ANSWER_INVALID"],
      [
        "a place in the file system",
        /^POST/,
        { headers: { location: "file:///etc/passwd" } },
        "REGISTRY_ANSWER_INVALID",
      ],
      [
        "another digest than was sent",
        /^PUT \S*manifests/,
        { headers: { "docker-content-digest": `sha256:${"0".repeat(64)}` } },
        "REGISTRY_DIGEST_MISMATCH",
      ],
      ["a refusal of the manifest", /^PUT \S*manifests/, { status: 400, body: "no\u001b[31m" }, "REGISTRY_STATUS"],
      ["a tag that cannot be moved", /^PUT \S*manifests/, { status: 409 }, "REGISTRY_STATUS"],
      ["no right to write", /^POST/, { status: 403 }, "REGISTRY_DENIED"],
    ] as const)("%s ends it", async (_what, pattern, fault, code) => {
      proxy.next(pattern, fault);
      const error = await push().catch((caught: unknown) => caught);
      expect(error).toMatchObject({ name: "BaseKitError", code });
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
      expect((error as Error).message).not.toMatch(/[\x00-\x1f]/);
    });

    test("the login is not sent to another host the upload is moved to", async () => {
      const heard: (string | undefined)[] = [];
      const other = createServer((request, response) => {
        heard.push(request.headers.authorization);
        request.resume().on("end", () => response.writeHead(201).end());
      });
      await new Promise<void>((resolve) => other.listen(0, "127.0.0.2", resolve));
      const elsewhere = `http://127.0.0.2:${(other.address() as AddressInfo).port}/upload`;
      const auth = Buffer.from("somebody:secret").toString("base64");
      const file = join(own.folder, "auth.json");
      writeFileSync(file, JSON.stringify({ auths: { [proxy.host]: { auth } } }));
      const context = { ...own.context, env: { ...own.context.env, REGISTRY_AUTH_FILE: file } };
      const challenge = { status: 401, headers: { "www-authenticate": "Basic realm=x" } };
      proxy.next(/^HEAD \S*manifests/, challenge);
      proxy.next(/^POST/, { headers: { location: elsewhere } }, { headers: { location: elsewhere } });
      const before = proxy.seen.length;
      // The manifest is refused, because the registry never got the blobs.
      await expect(pushImage(nodeOf([image]), [name], { context, delays })).rejects.toMatchObject({
        name: "BaseKitError",
      });
      other.close();
      expect(proxy.seen.slice(before).some(({ headers }) => headers.authorization === `Basic ${auth}`)).toBe(true);
      expect(heard).toEqual([undefined, undefined]);
    });
  });

  describe("while it gives an image", () => {
    test.each([
      ["a download that breaks in the middle goes on from there", { cutAnswerAfter: 1_000_000 }],
      ["a server that is overloaded", { status: 503, headers: { "retry-after": "0" } }],
      ["a connection that is closed", { reset: true }],
    ] as const)("%s", async (_what, fault) => {
      await push(medium);
      proxy.next(new RegExp(`^GET \\S*${layerOf(medium)}`), fault);
      await validateImages(imagesOf(await read()), own.context);
    });

    test("a server that knows no ranges sends everything again", async () => {
      await push(medium);
      const pattern = new RegExp(`^GET \\S*${layerOf(medium)}`);
      proxy.next(pattern, { cutAnswerAfter: 1_000_000 }, { ignoreRange: true });
      await validateImages(imagesOf(await read()), own.context);
    });

    const flip = (body: Buffer) => {
      const copy = Buffer.from(body);
      copy[copy.length >> 1] = (copy[copy.length >> 1] ?? 0) ^ 1;
      return copy;
    };
    test.each([
      ["another manifest", /^GET \S*manifests/, { bytes: flip }, "REGISTRY_DIGEST_MISMATCH"],
      ["another config", /^GET \S*blobs/, { bytes: flip }, "BLOB_MISMATCH"],
      ["a longer config", /^GET \S*blobs/, { bytes: (body: Buffer) => Buffer.concat([body, body]) }, /MISMATCH/],
      ["a huge manifest", /^GET \S*manifests/, { endless: true }, "REGISTRY_ANSWER_INVALID"],
      [
        "a web page",
        /^GET \S*manifests/,
        { status: 200, body: "<html>", headers: { "content-type": "text/html" } },
        /./,
      ],
      ["no such image", /^GET \S*manifests/, { status: 404 }, "REGISTRY_NOT_FOUND"],
    ] as const)("%s ends it", async (_what, pattern, fault, code) => {
      await push();
      proxy.next(pattern, fault);
      const error = await read().catch((caught: unknown) => caught);
      expect(error).toMatchObject({ name: "BaseKitError", code: expect.stringMatching(code) });
    });

    test("a manifest under a general type says itself what it is", async () => {
      await push();
      proxy.next(/^GET \S*manifests/, { headers: { "content-type": "text/plain; charset=utf-8" } });
      expect((await read()).document.digest).toBe(image.manifest.digest);
    });

    test("endless redirects end", async () => {
      await push();
      const redirect = { status: 302, headers: { location: `http://${proxy.host}/v2/${name.repository}/manifests/1` } };
      proxy.next(/^GET \S*manifests/, ...Array.from({ length: 12 }, () => redirect));
      await expect(read()).rejects.toMatchObject({ code: "FETCH_REDIRECT_REFUSED" });
    });

    test("a layer that is not the one it should be", async () => {
      await push(medium);
      proxy.next(new RegExp(`^GET \\S*${layerOf(medium)}`), { bytes: flip });
      const [found] = imagesOf(await read());
      await expect(validateImages([found as Image], own.context)).rejects.toMatchObject({ kind: "verification" });
    });

    test("is not kept when it was wrong", async () => {
      await push(medium);
      proxy.next(new RegExp(`^GET \\S*${layerOf(medium)}`), { bytes: flip });
      const [first] = imagesOf(await read(true));
      await expect(validateImages([first as Image], own.context)).rejects.toMatchObject({ kind: "verification" });
      await validateImages(imagesOf(await read(true)), own.context);
    });
  });
});
