import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import {
  createGpgHome,
  DEB_ARCHITECTURE,
  type DescribedDeb,
  makeDeb,
  makeDebSuite,
  type RegistryServer,
  requires,
  startRegistry,
} from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createSandbox, type Sandbox } from "./run-cli.ts";

const FORMAT = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/";
const DEMO: DescribedDeb = {
  name: "demo",
  version: "1:2.0-3",
  architecture: DEB_ARCHITECTURE,
  fields: ["Source: demo-source (2.0-3)"],
  files: {
    "usr/lib/os-release": "ID=debian\nVERSION_ID=12\n",
    "usr/share/doc/demo/copyright": `${FORMAT}\n\nFiles: *\nLicense: GPL-2+\n\nFiles: x\nLicense: Expat\n`,
  },
};
/** What its licence is only people can read. */
const PLAIN: DescribedDeb = { name: "plain", files: { "usr/share/doc/plain/copyright": "Do as you like.\n" } };

const OCI = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json";

describe.skipIf(requires("gpg", "docker-registry").skip)("the SBOM of Debian", () => {
  let sandbox: Sandbox;
  let registry: RegistryServer;
  let dir: string;
  let manifest: string;

  beforeAll(async () => {
    sandbox = createSandbox();
    dir = mkdtempSync(join(tmpdir(), "bk-registry-"));
    registry = await startRegistry({ dir });
    using gpg = createGpgHome();
    const by = [gpg.generate()];
    const files = makeDebSuite({ packages: [DEMO, PLAIN] }, (release) => gpg.clearsign(release, { by }));
    for (const [path, bytes] of Object.entries({ ...files, "keyring.gpg": gpg.exportKeys() })) {
      const file = sandbox.work(join("mirror", path));
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, bytes);
    }
    const { images } = await sandbox.json<{ readonly images: readonly { readonly manifest: string }[] }>([
      ...["build", "debian:bookworm", "--mirror", "mirror", "--keyring", "mirror/keyring.gpg"],
      ...["--variant", "custom", "--include", "demo,plain", "--tweaks", "none", "--configure", "none"],
      ...["--sbom", "demo.spdx.json", "--sbom", "demo.cdx.json", "-o", `docker://${registry.host}/team/demo:1`],
    ]);
    manifest = images[0]?.manifest ?? "";
  });
  afterAll(async () => {
    await registry.stop();
    rmSync(dir, { recursive: true, force: true });
    sandbox.dispose();
  });

  const digestOf = async (deb: DescribedDeb) => {
    const bytes = makeDeb(deb);
    return Buffer.from(await crypto.subtle.digest("SHA-256", new Uint8Array(bytes))).toString("hex");
  };
  const written = (name: string) => JSON.parse(readFileSync(sandbox.work(name), "utf8"));
  const purl = `pkg:deb/debian/demo@1:2.0-3?arch=${DEB_ARCHITECTURE}&distro=debian-12&upstream=demo-source`;

  test("in SPDX has each package's version, source, licence and digest", async () => {
    const { spdxVersion, packages } = written("demo.spdx.json");
    expect(spdxVersion).toBe("SPDX-2.3");
    const named = (name: string) => packages.find((each: { readonly name: string }) => each.name === name);
    expect(named("demo")).toMatchObject({
      versionInfo: "1:2.0-3",
      sourceInfo: "built from the source package demo-source",
      licenseDeclared: "MIT AND GPL-2.0-or-later",
      checksums: [{ algorithm: "SHA256", checksumValue: await digestOf(DEMO) }],
      externalRefs: [{ referenceLocator: purl }],
    });
    expect(named("plain")).toMatchObject({
      licenseDeclared: "NOASSERTION",
      checksums: [{ checksumValue: await digestOf(PLAIN) }],
    });
  });

  test("in CycloneDX has the same", async () => {
    const { bomFormat, components } = written("demo.cdx.json");
    expect(bomFormat).toBe("CycloneDX");
    expect(components.find((each: { readonly name: string }) => each.name === "demo")).toMatchObject({
      version: "1:2.0-3",
      purl,
      licenses: [{ expression: "MIT AND GPL-2.0-or-later" }],
      hashes: [{ alg: "SHA-256", content: await digestOf(DEMO) }],
      properties: expect.arrayContaining([{ name: "base-kit:source", value: "demo-source" }]),
    });
  });

  test("is called what it is, where it was written through what has no name", async () => {
    mkdirSync(sandbox.work("tree"));
    writeFileSync(sandbox.work("tree/file"), "");
    const through = ["sh", "-c", 'exec "$@" 3>/dev/null', "sh"];
    const to = ["-o", `docker://${registry.host}/team/open:1`, "--sbom", "cyclonedx-json=/proc/self/fd/3"];
    expect(await sandbox.run(["import", "tree", ...to], { through })).toMatchObject({ exitCode: 0 });
    const get = async (name: string) =>
      (await fetch(`http://${registry.host}/v2/team/open/manifests/${name}`, { headers: { accept: OCI } })).json();
    const { subject } = await sandbox.json<{ readonly subject: string }>(
      ["attach", `${registry.host}/team/open:1`, "/dev/stdin", "--type", "text/plain"],
      { through: ["sh", "-c", 'exec "$@" </etc/passwd', "sh"] },
    );
    const { manifests } = (await get(subject.replace(":", "-"))) as {
      readonly manifests: { readonly digest: string }[];
    };
    const layers = await Promise.all(
      manifests.map(async ({ digest }) => ((await get(digest)) as { readonly layers: object[] }).layers),
    );
    expect(layers).toEqual([
      [expect.objectContaining({ annotations: { "org.opencontainers.image.title": "sbom.cdx.json" } })],
      [expect.not.objectContaining({ annotations: expect.anything() })],
    ]);
  });

  test("is beside the image in the registry it was pushed to", async () => {
    const get = (path: string) => fetch(`http://${registry.host}/v2/team/demo/${path}`, { headers: { accept: OCI } });
    interface Listed {
      readonly manifests: readonly { readonly digest: string; readonly artifactType: string }[];
    }
    const { manifests } = (await (await get(`manifests/${manifest.replace(":", "-")}`)).json()) as Listed;
    expect(manifests.map(({ artifactType }) => artifactType)).toEqual([
      "application/spdx+json",
      "application/vnd.cyclonedx+json",
    ]);
    for (const [at, name] of ["demo.spdx.json", "demo.cdx.json"].entries()) {
      const document = (await (await get(`manifests/${manifests[at]?.digest}`)).json()) as {
        readonly subject: { readonly digest: string };
        readonly layers: readonly [{ readonly digest: string }];
      };
      expect(document.subject.digest).toBe(manifest);
      expect(await (await get(`blobs/${document.layers[0].digest}`)).text()).toBe(
        readFileSync(sandbox.work(name), "utf8"),
      );
    }
  });
});
