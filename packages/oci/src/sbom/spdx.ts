import { createHash } from "node:crypto";
import { formatPlatform, type InstalledPackage } from "@base-kit/core";
import { rfc3339 } from "../config.ts";
import { licenceExpression } from "./licence.ts";
import { packageUrl } from "./purl.ts";
import { type SbomProgram, type SbomSubject, systemOf } from "./subject.ts";

const NONE = "NOASSERTION";
const DOCUMENT = "SPDXRef-DOCUMENT";
const IMAGE = "SPDXRef-Image";
const SYSTEM = "SPDXRef-OperatingSystem";

/** The packages of an image as an SPDX 2.3 document (spdx.github.io/spdx-spec/v2.3), in JSON. No time and no identity but those of the image. */
export function spdxDocument(subject: SbomSubject): string {
  const { name, image, packages, created, toolVersion } = subject;
  const system = systemOf(subject);
  const references = new Map<string, string>();
  const listed = [
    ...packages.map((each) => packageOf(each, { subject, references })),
    ...(subject.programs ?? []).map(programOf),
  ];
  const document = {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: DOCUMENT,
    name,
    documentNamespace: `https://spdx.org/spdxdocs/base-kit-${image.manifest.digest.slice("sha256:".length)}`,
    creationInfo: { created: rfc3339(created), creators: [`Tool: base-kit-${toolVersion}`] },
    packages: [
      {
        SPDXID: IMAGE,
        name,
        versionInfo: image.manifest.digest,
        primaryPackagePurpose: "CONTAINER",
        summary: formatPlatform(image.platform),
        ...undescribed(),
        checksums: [{ algorithm: "SHA256", checksumValue: image.manifest.digest.slice("sha256:".length) }],
      },
      ...(system === undefined
        ? []
        : [
            {
              SPDXID: SYSTEM,
              name: system.name,
              ...(system.version === "" ? {} : { versionInfo: system.version }),
              primaryPackagePurpose: "OPERATING_SYSTEM",
              ...undescribed(),
            },
          ]),
      ...listed,
    ],
    relationships: [
      relationship(DOCUMENT, "DESCRIBES", IMAGE),
      ...(system === undefined ? [] : [relationship(IMAGE, "CONTAINS", SYSTEM)]),
      ...listed.map(({ SPDXID }) => relationship(IMAGE, "CONTAINS", SPDXID)),
    ],
    ...(references.size === 0 ? {} : { hasExtractedLicensingInfos: extractedLicences(references) }),
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

interface Within {
  readonly subject: SbomSubject;
  /** Gathers the names of licences that SPDX does not list. */
  readonly references: Map<string, string>;
}

function packageOf(each: InstalledPackage, { subject, references }: Within) {
  const licence = each.licence === undefined ? undefined : licenceExpression(each.licence);
  for (const [id, name] of licence?.references ?? []) references.set(id, name);
  const purl = packageUrl(each, subject.osRelease);
  return {
    SPDXID: identifier(each),
    name: each.name,
    versionInfo: each.version,
    ...undescribed(),
    licenseDeclared: licence?.expression ?? NONE,
    ...(each.source === undefined ? {} : { sourceInfo: `built from the source package ${each.source}` }),
    ...(each.sha256 === undefined ? {} : { checksums: [{ algorithm: "SHA256", checksumValue: each.sha256 }] }),
    ...(purl === undefined
      ? {}
      : { externalRefs: [{ referenceCategory: "PACKAGE-MANAGER", referenceType: "purl", referenceLocator: purl }] }),
  };
}

function programOf({ path, sha256 }: SbomProgram) {
  return {
    SPDXID: identifier({ name: path.slice(1), architecture: "", version: sha256 }),
    name: path,
    versionInfo: `sha256:${sha256}`,
    primaryPackagePurpose: "APPLICATION",
    ...undescribed(),
    checksums: [{ algorithm: "SHA256", checksumValue: sha256 }],
  };
}

/** Fields that have to be there, and about which a package database says nothing. */
function undescribed() {
  return {
    downloadLocation: NONE,
    filesAnalyzed: false,
    licenseConcluded: NONE,
    licenseDeclared: NONE,
    copyrightText: NONE,
  };
}

/** Letters, digits, dots and hyphens are allowed; different packages must not become one. */
function identifier({ name, architecture, version }: InstalledPackage): string {
  const hash = createHash("sha256").update(`${name}\0${architecture}\0${version}`).digest("hex").slice(0, 12);
  return `SPDXRef-Package-${name.replace(/[^A-Za-z0-9.-]+/g, "-")}-${hash}`;
}

function relationship(from: string, relationshipType: string, to: string) {
  return { spdxElementId: from, relationshipType, relatedSpdxElement: to };
}

function extractedLicences(references: ReadonlyMap<string, string>) {
  return [...references]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([licenseId, name]) => ({
      licenseId,
      name,
      extractedText: `The distribution's package database names this licence: ${name}`,
    }));
}
