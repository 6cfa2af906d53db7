import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { InstalledPackage } from "@base-kit/core";
import { Ajv } from "ajv";
import addFormats from "ajv-formats";
import { describe, expect, test } from "vitest";
import { cyclonedxDocument, type SbomSubject, spdxDocument } from "../src/index.ts";
import { licenceExpression } from "../src/sbom/licence.ts";
import { packageUrl } from "../src/sbom/purl.ts";
import { SPDX_SCHEMA } from "./spdx-schema.ts";

const DEBIAN = { ID: "debian", VERSION_ID: "12", NAME: "Debian GNU/Linux" };

const packages: readonly InstalledPackage[] = [
  { name: "libc6", version: "2.36-9+deb12u8", architecture: "amd64", source: "glibc", sha256: "a".repeat(64) },
  { name: "libc6", version: "2.36-9+deb12u8", architecture: "i386", source: "glibc" },
  { name: "tar", version: "1:1.34~rc1+dfsg-1.2", architecture: "amd64", licence: "GPL-3+" },
  { name: "g++-12", version: "12", architecture: "amd64", licence: "GPL-3+ with GCC-exception and Expat" },
  { name: "zlib1g", version: "1", architecture: "amd64", licence: "Zlib AND MIT" },
];

const subject: SbomSubject = {
  name: "demo/bookworm:latest",
  image: {
    platform: { os: "linux", architecture: "amd64" },
    manifest: blob("1"),
    config: blob("2"),
  },
  packages,
  osRelease: DEBIAN,
  created: 1_700_000_000,
  toolVersion: "1.2.3",
};

function blob(digit: string) {
  return {
    mediaType: "application/json",
    digest: `sha256:${digit.repeat(64)}` as const,
    size: 1,
    open: () => {
      throw new Error("not read");
    },
  };
}

const SUBJECTS: readonly (readonly [what: string, SbomSubject])[] = [
  ["packages of every kind", subject],
  ["no packages and no system", { ...subject, packages: [], osRelease: {} }],
  ["hostile names", { ...subject, packages: [{ name: 'a"\n<b>', version: "\u0000", architecture: "?&" }] }],
  [
    "hostile licences and programs",
    {
      ...subject,
      packages: [{ name: "a", version: "1", architecture: "all", licence: "\u001b[2J or a\nb", source: "x\ty" }],
      programs: [{ path: "/opt/a b\n", sha256: "c".repeat(64) }],
    },
  ],
];

/** Whatever a system calls itself. */
const SYSTEMS = [{ ID: "a b#c?", VERSION_ID: "\n", NAME: "" }, { NAME: "x" }, { ID: "wolfi" }];

describe("CycloneDX", () => {
  const validate = compileCyclonedx();

  test.each(SUBJECTS)("is as its published schema wants it, with %s", (_, each) => {
    for (const osRelease of [each.osRelease, ...SYSTEMS]) {
      validate(JSON.parse(cyclonedxDocument({ ...each, osRelease } as SbomSubject)));
      expect(validate.errors ?? []).toEqual([]);
    }
  });

  test("names each package for scanners, with its licence, digest and source", () => {
    const { components } = JSON.parse(cyclonedxDocument(subject));
    expect(components.slice(0, 2)).toMatchObject([
      { type: "operating-system", name: "debian", version: "12" },
      {
        name: "libc6",
        purl: "pkg:deb/debian/libc6@2.36-9%2Bdeb12u8?arch=amd64&distro=debian-12&upstream=glibc",
        hashes: [{ alg: "SHA-256", content: "a".repeat(64) }],
      },
    ]);
    expect(components.slice(3).map(({ licenses }: { readonly licenses: unknown }) => licenses)).toEqual([
      [{ license: { id: "GPL-3.0-or-later" } }],
      [{ license: { name: "GPL-3+ with GCC-exception and Expat" } }],
      [{ expression: "Zlib AND MIT" }],
    ]);
  });
});

function compileCyclonedx() {
  const require = createRequire(import.meta.url);
  const library = dirname(require.resolve("@cyclonedx/cyclonedx-library/package.json"));
  const schema = (name: string) => JSON.parse(readFileSync(join(library, "res/schema", name), "utf8"));
  const ajv = validator();
  for (const format of ["iri-reference", "idn-email"]) ajv.addFormat(format, true);
  for (const name of ["spdx", "jsf-0.82", "cryptography-defs"]) {
    const file = `${name}.SNAPSHOT.schema.json`;
    ajv.addSchema(schema(file), `http://cyclonedx.org/schema/${file}`);
  }
  return ajv.compile(schema("bom-1.6.SNAPSHOT.schema.json"));
}

function validator(): Ajv {
  const ajv = new Ajv({ strict: false, allErrors: true });
  // Its types are those of CommonJS.
  (addFormats as unknown as (ajv: Ajv) => void)(ajv);
  return ajv;
}

describe("SPDX", () => {
  const validate = validator().compile(SPDX_SCHEMA);

  test.each(SUBJECTS)("is as its published schema wants it, with %s", (_, each) => {
    for (const osRelease of [each.osRelease, ...SYSTEMS]) {
      validate(JSON.parse(spdxDocument({ ...each, osRelease } as SbomSubject)));
      expect(validate.errors ?? []).toEqual([]);
    }
  });

  interface Spdx {
    readonly packages: readonly (Record<string, unknown> & { readonly SPDXID: string; readonly name: string })[];
    readonly relationships: readonly Record<string, string>[];
    readonly hasExtractedLicensingInfos?: readonly { readonly licenseId: string }[];
  }
  const parse = (each: SbomSubject) => JSON.parse(spdxDocument(each)) as Spdx & Record<string, unknown>;

  test("has what the specification requires of a document and of packages", () => {
    const document = parse(subject);
    expect(document).toMatchObject({
      spdxVersion: "SPDX-2.3",
      dataLicense: "CC0-1.0",
      SPDXID: "SPDXRef-DOCUMENT",
      name: "demo/bookworm:latest",
      documentNamespace: expect.stringMatching(/^https:\/\/[^#]+$/),
      creationInfo: { created: "2023-11-14T22:13:20Z", creators: ["Tool: base-kit-1.2.3"] },
    });
    for (const each of document.packages) {
      expect(each.SPDXID).toMatch(/^SPDXRef-[A-Za-z0-9.-]+$/);
      expect(each).toMatchObject({
        name: expect.any(String),
        downloadLocation: "NOASSERTION",
        filesAnalyzed: false,
        licenseConcluded: "NOASSERTION",
        licenseDeclared: expect.any(String),
        copyrightText: "NOASSERTION",
      });
    }
  });

  test("has identifiers of its own for everything, and relationships to nothing else", () => {
    const { packages: listed, relationships } = parse(subject);
    const ids = new Set(listed.map(({ SPDXID }) => SPDXID));
    expect(ids.size).toBe(packages.length + 2);
    for (const each of relationships) expect(ids.has(each["relatedSpdxElement"] ?? "")).toBe(true);
    const contained = relationships.filter((each) => each["relationshipType"] === "CONTAINS");
    expect(contained).toHaveLength(packages.length + 1);
  });

  test("explains every licence that SPDX does not list", () => {
    const strange = {
      ...subject,
      packages: [{ ...(packages[0] as InstalledPackage), licence: "public-domain or GPL-2+" }],
    };
    const document = parse(strange);
    expect(document.packages.at(-1)?.["licenseDeclared"]).toBe("LicenseRef-public-domain OR GPL-2.0-or-later");
    expect(document.hasExtractedLicensingInfos).toMatchObject([{ licenseId: "LicenseRef-public-domain" }]);
  });
});

test("the same image has the same documents", () => {
  expect(spdxDocument({ ...subject })).toBe(spdxDocument(subject));
  expect(cyclonedxDocument({ ...subject })).toBe(cyclonedxDocument(subject));
  const other = { ...subject, image: { ...subject.image, manifest: blob("3") } };
  const serial = (each: SbomSubject) => JSON.parse(cyclonedxDocument(each)).serialNumber;
  expect(serial(other)).not.toBe(serial(subject));
});

describe("a licence", () => {
  test.each([
    ["MIT", "MIT"],
    ["mit", "MIT"],
    ["GPL-2.0-only", "GPL-2.0-only"],
    ["GPL-2+", "GPL-2.0-or-later"],
    ["GPL-2", "GPL-2.0-only"],
    ["LGPL-2.1+ and Expat", "LGPL-2.1-or-later AND MIT"],
    ["MPL-2.0 AND (MIT OR Apache-2.0)", "MPL-2.0 AND (MIT OR Apache-2.0)"],
    ["GPL-2.0-or-later WITH Classpath-exception-2.0", "GPL-2.0-or-later WITH Classpath-exception-2.0"],
    ["GPL-3+ with GCC-exception", "LicenseRef-GPL-3-with-GCC-exception"],
    ["BSD-3-clause, and Zlib", "BSD-3-Clause AND Zlib"],
    ["Perl AND MIT", "(Artistic-1.0-Perl OR GPL-1.0-or-later) AND MIT"],
    ["GPL-3+ and GPL-3.0+ and Expat", "GPL-3.0-or-later AND MIT"],
    ["custom", "LicenseRef-custom"],
    ["MIT or", "LicenseRef-MIT-or"],
    ["(MIT", "LicenseRef-MIT"],
    ["and and", "LicenseRef-and-and"],
    ["", "LicenseRef-unknown"],
    ["GPL-9+", "LicenseRef-GPL-9"],
    ["\u001b[2J", "LicenseRef-2J"],
  ])("%j is %s", (text, expected) => {
    expect(licenceExpression(text).expression).toBe(expected);
  });
});

describe("a package URL", () => {
  const each = { name: "Foo+bar", version: "1:2~3/4", architecture: "amd64" };
  test.each([
    [DEBIAN, "pkg:deb/debian/foo%2Bbar@1:2~3%2F4?arch=amd64&distro=debian-12"],
    [{ ID: "ubuntu", VERSION_ID: "24.04" }, "pkg:deb/ubuntu/foo%2Bbar@1:2~3%2F4?arch=amd64&distro=ubuntu-24.04"],
    [{ ID: "wolfi" }, "pkg:apk/wolfi/foo%2Bbar@1:2~3%2F4?arch=amd64&distro=wolfi"],
    [{ ID: "mint", ID_LIKE: "ubuntu debian" }, "pkg:deb/mint/foo%2Bbar@1:2~3%2F4?arch=amd64&distro=mint"],
    [{ ID: "fedora", VERSION_ID: "40" }, "pkg:rpm/fedora/Foo%2Bbar@2~3%2F4?arch=amd64&distro=fedora-40&epoch=1"],
    [{ ID: "rocky", ID_LIKE: "rhel centos fedora" }, "pkg:rpm/rocky/Foo%2Bbar@2~3%2F4?arch=amd64&distro=rocky&epoch=1"],
    [{ ID: "nixos" }, undefined],
    [{}, undefined],
  ])("for %j is %s", (osRelease, expected) => {
    expect(packageUrl(each, osRelease as Record<string, string>)).toBe(expected);
  });
});
