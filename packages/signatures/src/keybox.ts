import { BaseKitError } from "@base-kit/core";

const OPENPGP_BLOB = 2;
const MAGIC_AT = 8;

/**
 * The OpenPGP keys of a GnuPG keybox (`pubring.kbx`), or undefined when it is not one. A keybox is a row of blobs: length
 * (4 bytes, big-endian), type, version, flags (2), and for a key the offset (4) and length (4) of its packets within the blob.
 *
 * Source: GnuPG, kbx/keybox-blob.c.
 *
 * @throws BaseKitError `OPENPGP_MALFORMED` (verification)
 */
export function keysOfKeybox(bytes: Uint8Array, subject: string): Uint8Array | undefined {
  const box = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (box.toString("latin1", MAGIC_AT, MAGIC_AT + 4) !== "KBXf") return undefined;
  const keys: Uint8Array[] = [];
  for (let at = 0; at < box.length; ) {
    const blob = box.subarray(at, at + (at + 4 <= box.length ? box.readUInt32BE(at) : 0));
    if (blob.length < 5 || blob.length < blob.readUInt32BE(0)) throw malformed(subject, at);
    if (blob[4] === OPENPGP_BLOB) keys.push(keyBlock(blob, subject, at));
    at += blob.length;
  }
  return Buffer.concat(keys);
}

function keyBlock(blob: Buffer, subject: string, at: number): Uint8Array {
  if (blob.length < 16) throw malformed(subject, at);
  const start = blob.readUInt32BE(8);
  const end = start + blob.readUInt32BE(12);
  if (end > blob.length) throw malformed(subject, at);
  return blob.subarray(start, end);
}

function malformed(subject: string, at: number): BaseKitError {
  return new BaseKitError("OPENPGP_MALFORMED", `${subject} is a damaged keybox: the entry at byte ${at} is not whole`, {
    kind: "verification",
  });
}
