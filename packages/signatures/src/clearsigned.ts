import { BaseKitError } from "@base-kit/core";
import { dearmor } from "./armor.ts";
import { requireSignatures } from "./detached.ts";

const MESSAGE = "-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE = "-----BEGIN PGP SIGNATURE-----";
const END = "-----END PGP SIGNATURE-----";

/**
 * Checks that a file is one cleartext-signed message and nothing else. gpgv reports a good signature also for a file with
 * text before or after the signed part, or with a second message, and a reader that looks at the file instead of at
 * gpgv's output would believe the unsigned text (CVE-2013-1051). Marker lines have to be exact, because readers disagree
 * about white space after them.
 *
 * Source: the same rules as apt's `SplitClearSignedFile`.
 *
 * @throws BaseKitError `SIGNATURE_MISSING`, `SIGNATURE_UNSIGNED_TEXT`, `SIGNATURE_SEVERAL_MESSAGES`, `OPENPGP_MALFORMED`
 * (verification); `SIGNATURE_IS_HTML` (network)
 */
export function requireClearsigned(message: Uint8Array, subject: string): void {
  const text = Buffer.from(message.buffer, message.byteOffset, message.byteLength).toString("latin1");
  if (!text.includes(MESSAGE)) throw missing(text, subject);
  const lines = text.split("\n");
  const start = lines.findIndex((line) => line !== "");
  if (lines[start] !== MESSAGE) throw unsignedText(subject, start);
  const textStart = skipHeaders(lines, start + 1, subject);
  const textEnd = skipText(lines, textStart, subject);
  skipSignatures(lines, textEnd, subject);
  requireSignatures(dearmor(lines.slice(textEnd).join("\n"), "SIGNATURE", subject), subject);
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
