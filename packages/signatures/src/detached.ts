import { BaseKitError } from "@base-kit/core";
import { dearmor } from "./armor.ts";
import { type Packet, readPackets, SIGNATURE_PACKET } from "./packets.ts";

/**
 * The signature packets of a detached signature, armoured or binary.
 *
 * @throws BaseKitError `OPENPGP_MALFORMED`, `SIGNATURE_MISSING` (verification)
 */
export function detachedSignatures(file: Uint8Array, subject: string): Uint8Array {
  const text = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  const packets = text.includes("-----BEGIN PGP") ? dearmor(text.toString("latin1"), "SIGNATURE", subject) : file;
  requireSignatures(packets, subject);
  return packets;
}

/** Anything but signatures among the packets could be a message of its own, and a verifier may take that instead of the data. */
export function requireSignatures(packets: Uint8Array, subject: string): readonly Packet[] {
  const found = readPackets(packets, subject);
  if (found.length === 0) {
    throw new BaseKitError("SIGNATURE_MISSING", `${subject} is not signed`, { kind: "verification" });
  }
  const other = found.find(({ tag }) => tag !== SIGNATURE_PACKET);
  if (other) {
    const message = `the signature of ${subject} holds something else as well (OpenPGP packet type ${other.tag})`;
    throw new BaseKitError("OPENPGP_MALFORMED", message, { kind: "verification" });
  }
  return found;
}
