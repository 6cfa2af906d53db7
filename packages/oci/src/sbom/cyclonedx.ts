import { formatPlatform, type InstalledPackage } from "@base-kit/core";
import { rfc3339 } from "../config.ts";
import { licenceExpression } from "./licence.ts";
import { packageUrl } from "./purl.ts";
import { type SbomSubject, systemOf } from "./subject.ts";

/** The packages of an image as a CycloneDX 1.6 document (cyclonedx.org/docs/1.6/json), in JSON. No time and no identity but those of the image. */
export function cyclonedxDocument(subject: SbomSubject): string {
  const { name, image, packages, created, toolVersion } = subject;
  const system = systemOf(subject);
  const digest = image.manifest.digest.slice("sha256:".length);
  const root = `image:${image.manifest.digest}`;
  const components = [
    ...packages.map((each) => component(each, subject)),
    ...(subject.programs ?? []).map(({ path, sha256 }) => ({
      type: "application",
      "bom-ref": `program:${path}`,
      name: path,
      version: `sha256:${sha256}`,
      hashes: [{ alg: "SHA-256", content: sha256 }],
    })),
  ];
  const document = {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${uuidOf(digest)}`,
    version: 1,
    metadata: {
      timestamp: rfc3339(created),
      tools: { components: [{ type: "application", name: "base-kit", version: toolVersion }] },
      component: {
        type: "container",
        "bom-ref": root,
        name,
        version: image.manifest.digest,
        hashes: [{ alg: "SHA-256", content: digest }],
        properties: [{ name: "base-kit:platform", value: formatPlatform(image.platform) }],
      },
    },
    components: [
      ...(system === undefined
        ? []
        : [
            {
              type: "operating-system",
              "bom-ref": "operating-system",
              name: system.name,
              ...(system.version === "" ? {} : { version: system.version }),
            },
          ]),
      ...components,
    ],
    dependencies: [
      {
        ref: root,
        dependsOn: [
          ...(system === undefined ? [] : ["operating-system"]),
          ...components.map((each) => each["bom-ref"]),
        ],
      },
    ],
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

function component(each: InstalledPackage, { osRelease }: SbomSubject) {
  const purl = packageUrl(each, osRelease);
  return {
    type: "library",
    "bom-ref": `package:${each.name}:${each.architecture}@${each.version}`,
    name: each.name,
    version: each.version,
    ...(each.sha256 === undefined ? {} : { hashes: [{ alg: "SHA-256", content: each.sha256 }] }),
    ...(each.licence === undefined ? {} : { licenses: licences(each.licence) }),
    ...(purl === undefined ? {} : { purl }),
    properties: [
      { name: "base-kit:architecture", value: each.architecture },
      ...(each.source === undefined ? [] : [{ name: "base-kit:source", value: each.source }]),
    ],
  };
}

/** One listed licence by its id, an expression as one, anything else by the name the distribution gives it. */
function licences(text: string) {
  const { expression, references } = licenceExpression(text);
  if (references.size > 0) return [{ license: { name: text } }];
  return /[ ()]/.test(expression) ? [{ expression }] : [{ license: { id: expression } }];
}

/** A UUID that follows from a digest: version 8 of RFC 9562, "vendor-specific". CycloneDX asks only for the form. */
function uuidOf(digest: string): string {
  const variant = ((Number.parseInt(digest.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  return [
    digest.slice(0, 8),
    digest.slice(8, 12),
    `8${digest.slice(13, 16)}`,
    `${variant}${digest.slice(17, 20)}`,
    digest.slice(20, 32),
  ].join("-");
}
