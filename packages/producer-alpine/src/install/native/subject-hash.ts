import { createHash, X509Certificate } from "node:crypto";

/** One element of DER (ITU-T X.690). */
interface Element {
  readonly tag: number;
  readonly whole: Buffer;
  readonly content: Buffer;
}

const TAG = { set: 0x31, sequence: 0x30, utf8: 0x0c, bmp: 0x1e, universal: 0x1c, version: 0xa0 } as const;
/** PrintableString, T61String, IA5String, VisibleString: one byte for each character. */
const SINGLE_BYTE: readonly number[] = [0x13, 0x14, 0x16, 0x1a];

/**
 * The name of the link under which OpenSSL looks for a certificate: eight hexadecimal digits of the SHA-1 of its subject, whose texts are
 * made alike first (X509_NAME_hash(3), `x509_name_canon`). Undefined for what is no certificate.
 */
export function subjectHash(pem: string): string | undefined {
  try {
    const [body] = elements(single(new X509Certificate(pem).raw).content);
    const fields = elements((body as Element).content);
    // Serial number, algorithm, issuer and time of validity stand before the subject, and mostly a version before those.
    const subject = fields[fields[0]?.tag === TAG.version ? 5 : 4];
    const names = elements((subject as Element).content).map(canonicalSet);
    const digest = createHash("sha1").update(Buffer.concat(names)).digest();
    return digest.readUInt32LE(0).toString(16).padStart(8, "0");
  } catch {
    return undefined;
  }
}

function canonicalSet({ content }: Element): Buffer {
  const parts = elements(content).map((attribute) => {
    const [type, value] = elements(attribute.content);
    return encode(TAG.sequence, Buffer.concat([(type as Element).whole, canonicalValue(value as Element)]));
  });
  return encode(TAG.set, Buffer.concat(parts.sort(Buffer.compare)));
}

function canonicalValue(value: Element): Buffer {
  const text = textOf(value);
  if (text === undefined) return value.whole;
  const trimmed = text.replace(/^[ \t\n\v\f\r]+|[ \t\n\v\f\r]+$/g, "").replace(/[ \t\n\v\f\r]+/g, " ");
  return encode(TAG.utf8, Buffer.from(trimmed.replace(/[A-Z]/g, (letter) => letter.toLowerCase())));
}

function textOf({ tag, content }: Element): string | undefined {
  if (tag === TAG.utf8) return content.toString("utf8");
  if (SINGLE_BYTE.includes(tag)) return content.toString("latin1");
  if (tag === TAG.bmp) return Buffer.from(content).swap16().toString("utf16le");
  if (tag !== TAG.universal) return undefined;
  const points = Array.from({ length: content.length / 4 }, (_, at) => content.readUInt32BE(at * 4));
  return String.fromCodePoint(...points);
}

function elements(bytes: Buffer): readonly Element[] {
  const found: Element[] = [];
  for (let at = 0; at < bytes.length; at += (found.at(-1) as Element).whole.length)
    found.push(single(bytes.subarray(at)));
  return found;
}

function single(bytes: Buffer): Element {
  const first = bytes.readUInt8(1);
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  const length = lengthBytes === 0 ? first : bytes.readUIntBE(2, lengthBytes);
  const start = 2 + lengthBytes;
  if (start + length > bytes.length) throw new RangeError("cut off");
  return {
    tag: bytes.readUInt8(0),
    whole: bytes.subarray(0, start + length),
    content: bytes.subarray(start, start + length),
  };
}

function encode(tag: number, content: Buffer): Buffer {
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  const digits = Buffer.from(length.toString(16).padStart(length > 0xffff ? 6 : length > 0xff ? 4 : 2, "0"), "hex");
  return Buffer.concat([Buffer.from([tag, 0x80 | digits.length]), digits, content]);
}
