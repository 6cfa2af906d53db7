/**
 * The JSON schema that the SPDX specification 2.3 publishes (schemas/spdx-schema-2-3.json there) in what it says of documents without
 * files, snippets and annotations; written stricter where the specification's text is: identifiers, digests, dates, what an
 * expression or a locator may be made of.
 */

const TEXT = { type: "string" };
const ID = { type: "string", pattern: "^SPDXRef-[A-Za-z0-9.-]+$" };
const NOTHING_SAID = { enum: ["NONE", "NOASSERTION"] };
/** Annex D: identifiers, references, operators and parentheses. */
const EXPRESSION = { type: "string", pattern: "^[A-Za-z0-9.+ ()-]+$" };

function object(required: readonly string[], properties: object): object {
  return { type: "object", required, properties, additionalProperties: false };
}

function listOf(items: object, more: object = {}): object {
  return { type: "array", items, ...more };
}

const CHECKSUM = object(["algorithm", "checksumValue"], {
  algorithm: { enum: ["SHA1", "SHA224", "SHA256", "SHA384", "SHA512"] },
  checksumValue: { type: "string", pattern: "^[0-9a-f]{40,128}$" },
});

const EXTERNAL_REF = object(["referenceCategory", "referenceType", "referenceLocator"], {
  referenceCategory: { enum: ["OTHER", "PERSISTENT-ID", "SECURITY", "PACKAGE-MANAGER"] },
  referenceType: { type: "string", pattern: "^\\S+$" },
  referenceLocator: { type: "string", pattern: "^\\S+$" },
  comment: TEXT,
});

const PACKAGE = object(["SPDXID", "name", "downloadLocation"], {
  SPDXID: ID,
  name: { type: "string", minLength: 1 },
  versionInfo: TEXT,
  packageFileName: TEXT,
  supplier: TEXT,
  originator: TEXT,
  downloadLocation: { anyOf: [NOTHING_SAID, { type: "string", format: "uri" }] },
  filesAnalyzed: { type: "boolean" },
  homepage: TEXT,
  sourceInfo: TEXT,
  summary: TEXT,
  description: TEXT,
  comment: TEXT,
  licenseConcluded: EXPRESSION,
  licenseDeclared: EXPRESSION,
  licenseComments: TEXT,
  copyrightText: TEXT,
  checksums: listOf(CHECKSUM),
  externalRefs: listOf(EXTERNAL_REF),
  primaryPackagePurpose: {
    enum: [
      ...["APPLICATION", "FRAMEWORK", "LIBRARY", "CONTAINER", "OPERATING_SYSTEM", "DEVICE"],
      ...["FIRMWARE", "SOURCE", "ARCHIVE", "FILE", "INSTALL", "OTHER"],
    ],
  },
  releaseDate: TEXT,
  builtDate: TEXT,
  validUntilDate: TEXT,
});

const RELATIONSHIP = object(["spdxElementId", "relatedSpdxElement", "relationshipType"], {
  spdxElementId: ID,
  relatedSpdxElement: { anyOf: [NOTHING_SAID, ID] },
  relationshipType: { enum: ["DESCRIBES", "DESCRIBED_BY", "CONTAINS", "CONTAINED_BY", "DEPENDS_ON", "GENERATED_FROM"] },
  comment: TEXT,
});

export const SPDX_SCHEMA: object = {
  $schema: "http://json-schema.org/draft-07/schema#",
  ...object(["SPDXID", "creationInfo", "dataLicense", "name", "spdxVersion", "documentNamespace"], {
    SPDXID: { const: "SPDXRef-DOCUMENT" },
    spdxVersion: { const: "SPDX-2.3" },
    dataLicense: { const: "CC0-1.0" },
    name: TEXT,
    // Without a part that names an element: those follow behind `#`.
    documentNamespace: { type: "string", format: "uri", pattern: "^[^#]+$" },
    comment: TEXT,
    creationInfo: object(["created", "creators"], {
      created: { type: "string", format: "date-time", pattern: "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ$" },
      creators: listOf({ type: "string", pattern: "^(?:Tool|Person|Organization): ." }, { minItems: 1 }),
      licenseListVersion: TEXT,
      comment: TEXT,
    }),
    documentDescribes: listOf(ID),
    packages: listOf(PACKAGE),
    relationships: listOf(RELATIONSHIP),
    hasExtractedLicensingInfos: listOf(
      object(["licenseId", "extractedText"], {
        licenseId: { type: "string", pattern: "^LicenseRef-[A-Za-z0-9.-]+$" },
        extractedText: { type: "string", minLength: 1 },
        name: TEXT,
        seeAlsos: listOf(TEXT),
        comment: TEXT,
      }),
    ),
  }),
};
