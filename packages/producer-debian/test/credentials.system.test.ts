import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { mergedEntries } from "@base-kit/rootfs";
import { createGpgHome, makeDebSuite, readContent, requires, startMirror } from "@base-kit/testing";
import { describe, expect, test } from "vitest";
import { debian } from "../src/index.ts";
import { createWorkshop, resolveFor } from "./workshop.ts";

const SECRET = "s3cret";

/** A company's mirror, which wants to know who asks. */
describe.skipIf(requires("gpg").skip)("a mirror that asks for a password", () => {
  async function build(password: string | undefined, options: object = {}) {
    using gpg = createGpgHome();
    const by = [gpg.generate()];
    const suite = (name: string, version: string) =>
      makeDebSuite({ suite: name, packages: [{ name: "demo", version, files: { "usr/demo": version } }] }, (text) =>
        gpg.clearsign(text, { by }),
      );
    const files = { ...suite("bookworm", "1.0"), ...suite("bookworm-security", "1.1") };
    await using mirror = await startMirror((request, response) => {
      const isKnown = request.headers.authorization === `Basic ${btoa(`me:${SECRET}`)}`;
      const bytes = files[request.url?.slice(1) ?? ""];
      response.writeHead(isKnown ? (bytes === undefined ? 404 : 200) : 401).end(isKnown ? bytes : undefined);
    });
    const address = password === undefined ? mirror.url : mirror.url.replace("//", `//me:${password}@`);
    await using workshop = await createWorkshop({ BASE_KIT_DEBIAN_MIRROR: address });
    const keyring = join(workshop.dir, "keyring.gpg");
    writeFileSync(keyring, gpg.exportKeys());
    const given = { keyring, variant: "custom", include: ["demo"], configure: "none", ...options };
    const told = () => JSON.stringify(workshop.events);
    try {
      const lock = await resolveFor(debian, { release: "bookworm", options: given }, workshop.context);
      const rootfs = await debian.produce(lock, workshop.context);
      const contents = mergedEntries(rootfs).map(async (entry) =>
        entry.type === "file" ? (await readContent(entry.content())).toString("latin1") : "",
      );
      return {
        lock,
        versions: rootfs.packages.map(({ version }) => version),
        text: (await Promise.all(contents)).join(),
        told: told(),
      };
    } catch (error) {
      return { error: error as Error & { readonly code?: string; readonly hint?: string }, told: told() };
    }
  }

  test("gets it from the environment, and it stands in no lock, image or message", async () => {
    const { lock, versions, text, told, error } = await build(SECRET);
    expect(error).toBeUndefined();
    expect(versions).toEqual(["1.1"]);
    expect(text).toMatch(/^deb http:\/\/127\.0\.0\.1:\d+\/ bookworm-security main$/m);
    for (const shown of [JSON.stringify(lock), text, told]) {
      expect(shown).not.toContain(SECRET);
      expect(shown).not.toContain("me:");
    }
  });

  test.each([
    ["a wrong one", "wr0ng"],
    ["none", undefined],
  ])("says that it refuses, with %s", async (_, password) => {
    const { error, told } = await build(password);
    expect(error).toMatchObject({ kind: "network", message: expect.stringMatching(/InRelease.*401/s) });
    expect(`${error?.message}${error?.hint}${told}`).not.toMatch(/wr0ng|me:/);
  });

  test.each([
    ["mirror", { mirror: `http://me:${SECRET}@127.0.0.1:1/debian` }, "MIRROR_WITH_CREDENTIALS"],
    [
      "repository",
      { repository: [`deb [signed-by=/k] http://me:${SECRET}@127.0.0.1:1/ x main`] },
      "REPOSITORY_INVALID",
    ],
  ])("is not given it by --%s, which others see", async (_, options, code) => {
    const { error, told } = await build(SECRET, options);
    expect(error).toMatchObject({ code, kind: "usage" });
    expect(`${error?.message}${error?.hint}${told}`).not.toContain(SECRET);
  });
});
