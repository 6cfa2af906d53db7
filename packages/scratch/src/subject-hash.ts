import { createHash } from "node:crypto";

/** One value of a DER encoding: where its tag, its content and its end are. */
interface Value {
  readonly tag: number;
  readonly start: number;
  readonly content: number;
  readonly end: number;
}

const SEQUENCE = 0x30;
const VERSION = 0xa0;
const UTF8_STRING = 0x0c;

/** How text is written in a name, by the tag: bytes per character, and whether it is UTF-8 already. */
const TEXTS: ReadonlyMap<number, "utf8" | "latin1" | "utf16" | "utf32"> = new Map([
  [UTF8_STRING, "utf8"],
  [0x13, "latin1"], // PrintableString
  [0x14, "latin1"], // T61String, as OpenSSL takes it
  [0x16, "latin1"], // IA5String
  [0x1a, "latin1"], // VisibleString
  [0x1c, "utf32"], // UniversalString
  [0x1e, "utf16"], // BMPString
]);

/**
 * What OpenSSL calls a certificate in a folder: `openssl x509 -subject_hash`, eight hexadecimal digits. The subject is hashed in a
 * form in which names that are meant alike are alike: UTF-8, lower case, single blanks (crypto/x509/x_name.c, `x509_name_canon`).
 *
 * @param certificate in DER
 * @returns undefined for what is no certificate
 */
export function subjectHash(certificate: Uint8Array): string | undefined {
  const bytes = Buffer.from(certificate.buffer, certificate.byteOffset, certificate.byteLength);
  try {
    const subject = subjectOf(bytes);
    const canonical = Buffer.concat(children(bytes, subject).map((relative) => canonicalSet(bytes, relative)));
    return createHash("sha1").update(canonical).digest().readUInt32LE(0).toString(16).padStart(8, "0");
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** RFC 5280, 4.1: version, serial number, algorithm, issuer, validity, subject. */
function subjectOf(bytes: Buffer): Value {
  const [signed] = children(bytes, valueAt(bytes, 0, bytes.length));
  const fields = signed === undefined ? [] : children(bytes, signed);
  const subject = fields[fields[0]?.tag === VERSION ? 5 : 4];
  if (subject?.tag !== SEQUENCE) throw new RangeError("no subject");
  return subject;
}

/** Attributes that stand beside each other, in the order of their encodings as DER wants it. */
function canonicalSet(bytes: Buffer, set: Value): Buffer {
  const attributes = children(bytes, set).map((attribute) => {
    const [type, value] = children(bytes, attribute);
    if (type === undefined || value === undefined) throw new RangeError("no attribute");
    return encoded(SEQUENCE, Buffer.concat([bytes.subarray(type.start, type.end), canonicalValue(bytes, value)]));
  });
  return encoded(set.tag, Buffer.concat(attributes.sort(Buffer.compare)));
}

function canonicalValue(bytes: Buffer, { tag, start, content, end }: Value): Buffer {
  const kind = TEXTS.get(tag);
  if (kind === undefined) return bytes.subarray(start, end);
  const text = utf8Of(bytes.subarray(content, end), kind)
    .toString("latin1")
    .replace(/^[\t-\r ]+|[\t-\r ]+$/g, "")
    .replace(/[\t-\r ]+/g, " ")
    .replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return encoded(UTF8_STRING, Buffer.from(text, "latin1"));
}

function utf8Of(bytes: Buffer, kind: "utf8" | "latin1" | "utf16" | "utf32"): Buffer {
  if (kind === "utf8") return bytes;
  const width = kind === "latin1" ? 1 : kind === "utf16" ? 2 : 4;
  const characters: string[] = [];
  for (let at = 0; at + width <= bytes.length; at += width)
    characters.push(String.fromCodePoint(bytes.readUIntBE(at, width)));
  return Buffer.from(characters.join(""));
}

function children(bytes: Buffer, { content, end }: Value): readonly Value[] {
  const values: Value[] = [];
  for (let at = content; at < end; ) {
    const value = valueAt(bytes, at, end);
    values.push(value);
    at = value.end;
  }
  return values;
}

/** @throws RangeError for what reaches beyond its frame, or is longer than anything in a certificate */
function valueAt(bytes: Buffer, start: number, limit: number): Value {
  const first = bytes.readUInt8(start + 1);
  const count = first & 0x7f;
  const long = (first & 0x80) !== 0;
  if (long && (count === 0 || count > 4)) throw new RangeError("a length without an end");
  const content = start + 2 + (long ? count : 0);
  const end = content + (long ? bytes.readUIntBE(start + 2, count) : first);
  if (end > limit) throw new RangeError("it is longer than what it is in");
  return { tag: bytes.readUInt8(start), start, content, end };
}

function encoded(tag: number, content: Buffer): Buffer {
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  const digits = Buffer.alloc(4);
  digits.writeUInt32BE(length);
  const shortest = digits.subarray(digits.findIndex((byte) => byte !== 0));
  return Buffer.concat([Buffer.from([tag, 0x80 | shortest.length]), shortest, content]);
}
