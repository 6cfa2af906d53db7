/**
 * File names, link targets and xattr names are bytes, not text: Linux allows every byte but NUL (and `/` in a name).
 * They are carried as strings whose every code unit is one byte, the `ByteString` of WebIDL: cheap as Map keys, and the
 * order of `<` is the order of the bytes.
 */
export type ByteString = string & { readonly [byteString]: true };
declare const byteString: unique symbol;

/** The UTF-8 bytes of a text. */
export function bytesFromText(text: string): ByteString {
  return Buffer.from(text, "utf8").toString("latin1") as ByteString;
}

/** The bytes of a buffer, or of a part of it. */
export function bytesFromBuffer(buffer: Uint8Array, start = 0, end: number = buffer.length): ByteString {
  const view = Buffer.isBuffer(buffer) ? buffer : Buffer.from(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  return view.toString("latin1", start, end) as ByteString;
}

/** For what takes bytes: files, sockets, hashes. */
export function bufferFromBytes(bytes: ByteString): Buffer {
  return Buffer.from(bytes, "latin1");
}

/** The text for people; bytes that are not UTF-8 become U+FFFD, so the result never goes back into a path. */
export function textFromBytes(bytes: ByteString): string {
  return Buffer.from(bytes, "latin1").toString("utf8");
}

/** Whether the bytes are valid UTF-8. */
export function isUtf8(bytes: ByteString): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the ASCII range is what is meant
  if (/^[\x00-\x7f]*$/.test(bytes)) return true;
  const buffer = Buffer.from(bytes, "latin1");
  return Buffer.from(buffer.toString("utf8"), "utf8").equals(buffer);
}

/** Whether a name has control characters, also those of UTF-8. The same bytes elsewhere are parts of letters. */
export function hasControls(bytes: ByteString): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return /[\x00-\x1f\x7f]|\xc2[\x80-\x9f]/.test(bytes);
}

const SHOWN_AT_MOST = 300;

/**
 * An untrusted name or value made safe to print: control characters, escape sequences, bidirectional overrides and bytes
 * that are not UTF-8 appear as `\n`, `\x1b`, `\u{202e}`; the end of an overlong one is cut. Quoted when it holds anything unusual.
 */
export function printable(value: ByteString | string): string {
  // Most names, and what an engine says hundreds of times in one import.
  if (value.length <= SHOWN_AT_MOST && USUAL.test(value)) return value;
  const text = readable(value);
  const escaped = [...text].map(escapeCharacter).join("");
  const shown = escaped.length > SHOWN_AT_MOST ? `${escaped.slice(0, SHOWN_AT_MOST)}…` : escaped;
  return /^[\p{L}\p{N}\p{M}!#$%&()*+,./:;<=>?@[\]^_{|}~…-]+$/u.test(shown) && shown === text ? shown : `"${shown}"`;
}

const USUAL = /^[\w!#$%&()*+,./:;<=>?@[\]^{|}~-]+$/;

/** A byte string is decoded; a text with characters beyond U+00FF is one already. */
function readable(value: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range of a byte is what is meant
  if (!/^[\x00-\xff]*$/.test(value)) return value;
  return isUtf8(value as ByteString) ? textFromBytes(value as ByteString) : [...value].map(hexAboveAscii).join("");
}

function hexAboveAscii(character: string): string {
  return character > "\x7f" ? `\\x${character.charCodeAt(0).toString(16)}` : character;
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"' };

function escapeCharacter(character: string): string {
  const short = SHORT_ESCAPES[character];
  if (short !== undefined) return short;
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20 || code === 0x7f) return `\\x${code.toString(16).padStart(2, "0")}`;
  // C1 controls, format characters (zero width, bidirectional), separators, surrogates, private use.
  if (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]/u.test(character)) return `\\u{${code.toString(16)}}`;
  return character;
}
