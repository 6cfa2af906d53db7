import { BaseKitError } from "@base-kit/core";
import { dearmor } from "./armor.ts";
import { requireSignatures } from "./detached.ts";
import type { Packet } from "./packets.ts";

/** A cleartext-signed message, taken apart. */
export interface Clearsigned {
  /** What was signed: without escapes, and without the blanks at the ends of lines, which no signature covers. */
  readonly text: string;
  /** The same as it is hashed: lines end with CR LF, but for the last one, whose end is not signed. */
  readonly bytes: Uint8Array;
  readonly signatures: readonly Packet[];
}

const MESSAGE = "-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE = "-----BEGIN PGP SIGNATURE-----";
const END = "-----END PGP SIGNATURE-----";

/**
 * Reads a file that is one cleartext-signed message and nothing else (RFC 9580 §7). With text before or after the signed
 * part, or a second message, somebody who looks at the file would believe what nobody signed (CVE-2013-1051). Marker lines
 * have to be exact, because readers disagree about white space after them.
 *
 * Source: the same rules as apt's `SplitClearSignedFile`.
 *
 * @throws BaseKitError `SIGNATURE_MISSING`, `SIGNATURE_UNSIGNED_TEXT`, `SIGNATURE_SEVERAL_MESSAGES`, `OPENPGP_MALFORMED`
 * (verification); `SIGNATURE_IS_HTML` (network)
 */
export function readClearsigned(message: Uint8Array, subject: string): Clearsigned {
  const text = Buffer.from(message.buffer, message.byteOffset, message.byteLength).toString("latin1");
  if (!text.includes(MESSAGE)) throw missing(text, subject);
  const lines = text.split("\n");
  const start = lines.findIndex((line) => line !== "");
  if (lines[start] !== MESSAGE) throw unsignedText(subject, start);
  const textStart = skipHeaders(lines, start + 1, subject);
  const textEnd = skipText(lines, textStart, subject);
  skipSignatures(lines, textEnd, subject);
  const armored = lines.slice(textEnd).join("\n");
  const signatures = requireSignatures(dearmor(armored, "SIGNATURE", subject), subject);
  const signed = lines.slice(textStart, textEnd).map((line) => line.replace(/^- /, "").replace(/[ \t\r]+$/, ""));
  return {
    text: Buffer.from(`${signed.join("\n")}\n`, "latin1").toString("utf8"),
    bytes: Buffer.from(signed.join("\r\n"), "latin1"),
    signatures,
  };
}

/** A network that wants a login sends such a page instead of every file. */
function looksLikeHtml(text: string): boolean {
  return /^\s*(?:<!doctype html|<html|<head|<script|<body)/i.test(text);
}

function skipHeaders(lines: readonly string[], from: number, subject: string): number {
  const end = lines.indexOf("", from);
  const wrong = lines.slice(from, end).findIndex((line) => !/^Hash: [A-Za-z0-9, -]+$/.test(line));
  if (end < 0 || wrong >= 0) throw unsignedText(subject, from + Math.max(wrong, 0));
  return end + 1;
}

/** The signed text: a line of it that begins with a dash is escaped, so any other is a marker. */
function skipText(lines: readonly string[], from: number, subject: string): number {
  const end = lines.findIndex((line, index) => index >= from && line.startsWith("-") && !line.startsWith("- "));
  if (end >= 0 && lines[end] === MESSAGE) throw severalMessages(subject);
  if (end < 0 || lines[end] !== SIGNATURE) throw cutOff(subject);
  return end;
}

/** One armoured block or, as apt allows, several directly after each other; then blank lines only. */
function skipSignatures(lines: readonly string[], from: number, subject: string): void {
  for (let at = from; at < lines.length; at++) {
    if (lines[at] === "") continue;
    if (lines[at] === MESSAGE) throw severalMessages(subject);
    if (lines[at] !== SIGNATURE) throw unsignedText(subject, at);
    const end = lines.indexOf(END, at);
    if (end < 0 || lines.slice(at + 1, end).some((line) => line.startsWith("-"))) throw cutOff(subject);
    at = end;
  }
}

function missing(text: string, subject: string): BaseKitError {
  if (looksLikeHtml(text)) {
    return new BaseKitError("SIGNATURE_IS_HTML", `${subject} is a web page instead of a signed file`, {
      kind: "network",
      hint: "Does the network want a login first (captive portal), or is the mirror's address that of a web site?",
    });
  }
  return new BaseKitError("SIGNATURE_MISSING", `${subject} is not signed`, { kind: "verification" });
}

function unsignedText(subject: string, line: number): BaseKitError {
  const message = `${subject} holds text outside its signed part, at line ${line + 1}`;
  return new BaseKitError("SIGNATURE_UNSIGNED_TEXT", message, { kind: "verification" });
}

function severalMessages(subject: string): BaseKitError {
  const message = `${subject} holds more than one signed message; which one is meant cannot be known`;
  return new BaseKitError("SIGNATURE_SEVERAL_MESSAGES", message, { kind: "verification" });
}

function cutOff(subject: string): BaseKitError {
  const message = `${subject} is cut off or damaged: its signature has no proper beginning and end`;
  return new BaseKitError("OPENPGP_MALFORMED", message, { kind: "verification" });
}
