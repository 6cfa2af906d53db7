import { Ajv, type ValidateFunction } from "ajv";
import addFormats from "ajv-formats";
import { OCI_SCHEMAS } from "./oci-schemas.ts";

/** A document of an image: `oci-layout`, an index, a manifest, a config. */
export type OciDocument = keyof typeof OCI_SCHEMAS;

/**
 * Compares a document with what the OCI image specification's schema for it demands. Members that no schema knows are refused too.
 *
 * @throws Error that names every flaw
 */
export function requireOciDocument(kind: OciDocument, document: unknown): void {
  const validate = validators()[kind];
  if (!validate(document)) throw new Error(`this is no OCI ${kind}: ${ajv.errorsText(validate.errors)}`);
}

const ajv = new Ajv({ allErrors: true });
// Its types are those of CommonJS.
(addFormats as unknown as (ajv: Ajv) => void)(ajv);
let compiled: Readonly<Record<OciDocument, ValidateFunction>> | undefined;

function validators(): Readonly<Record<OciDocument, ValidateFunction>> {
  compiled ??= {
    layout: ajv.compile(OCI_SCHEMAS.layout),
    index: ajv.compile(OCI_SCHEMAS.index),
    manifest: ajv.compile(OCI_SCHEMAS.manifest),
    config: ajv.compile(OCI_SCHEMAS.config),
  };
  return compiled;
}
