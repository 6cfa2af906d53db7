import { BaseKitError } from "@base-kit/core";

export type ArmorType = "PUBLIC KEY BLOCK" | "SIGNATURE";

const BLOCK = /^-----BEGIN PGP ([A-Z ]+)-----[ \t\r]*\n([\s\S]*?)^-----END PGP \1-----[ \t\r]*$/gm;
const LINE_LENGTH = 64;

/**
 * The bytes of all ASCII-armoured blocks of one type in a text, one after another: gpgv reads neither an armoured
 * keyring nor several armoured blocks of keys.
 *
 * @throws BaseKitError `OPENPGP_MALFORMED` (verification) when there is none, or one is damaged
 */
export function dearmor(text: string, type: ArmorType, subject: string): Uint8Array {
  const blocks = [...text.matchAll(BLOCK)].filter(([, found]) => found === type);
  if (blocks.length === 0) throw malformed(subject, `there is no whole PGP ${type}`);
  return Buffer.concat(blocks.map(([, , body = ""]) => decode(body, subject)));
}

/** Bytes as one ASCII-armoured block (RFC 9580 §6.2), with the checksum that older readers insist on. */
export function armor(bytes: Uint8Array, type: ArmorType): string {
  const base64 = Buffer.from(bytes).toString("base64");
  const lines = base64.match(new RegExp(`.{1,${LINE_LENGTH}}`, "g")) ?? [];
  return [`-----BEGIN PGP ${type}-----`, "", ...lines, checksum(bytes), `-----END PGP ${type}-----`, ""].join("\n");
}

function decode(body: string, subject: string): Uint8Array {
  const lines = body.split("\n").map((line) => line.trim());
  const headersEnd = lines.indexOf("");
  const data = lines.slice(headersEnd + 1).filter((line) => line !== "");
  const sum = data.at(-1)?.startsWith("=") ? data.pop() : undefined;
  const base64 = data.join("");
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64) || base64.length % 4 !== 0)
    throw malformed(subject, "its base64 is damaged");
  const bytes = Buffer.from(base64, "base64");
  if (sum !== undefined && sum !== checksum(bytes)) throw malformed(subject, "its checksum does not match");
  return bytes;
}

/** CRC-24 of RFC 9580 §6.1.1. */
function checksum(bytes: Uint8Array): string {
  let crc = 0xb704ce;
  for (const byte of bytes) {
    crc ^= byte << 16;
    for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ ((crc & 0x800000) === 0 ? 0 : 0x1864cfb);
    crc &= 0xffffff;
  }
  return `=${Buffer.from([crc >> 16, (crc >> 8) & 0xff, crc & 0xff]).toString("base64")}`;
}

function malformed(subject: string, why: string): BaseKitError {
  return new BaseKitError("OPENPGP_MALFORMED", `${subject} is not proper ASCII armour: ${why}`, {
    kind: "verification",
  });
}
