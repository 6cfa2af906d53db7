/** RFC 9580 §5.2.3.7; those of them that decide something here. */
export const SubpacketType = {
  created: 2,
  signatureLifetime: 3,
  keyLifetime: 9,
  issuerKeyId: 16,
  keyFlags: 27,
  embeddedSignature: 32,
  issuerFingerprint: 33,
} as const;

/** Statements that may be critical: they are understood, or do not matter for signatures of files. */
const UNDERSTOOD: ReadonlySet<number> = new Set([
  2, 3, 4, 5, 7, 9, 11, 16, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35,
]);

/** What a signature says besides the signature. */
export interface Subpackets {
  /** The first of a type. */
  find(type: number): Buffer | undefined;
  /** A number of four bytes. */
  number(type: number): number | undefined;
  /** Whether one is critical and not understood: the whole signature then must not be believed. */
  readonly hasUnknownCritical: boolean;
}

const CRITICAL = 0x80;

/** Undefined when they are not whole. */
export function readSubpackets(area: Buffer): Subpackets | undefined {
  const found = new Map<number, Buffer>();
  let hasUnknownCritical = false;
  for (let at = 0; at < area.length; ) {
    const header = readLength(area, at);
    if (header === undefined || header.length === 0 || header.start + header.length > area.length) return undefined;
    const first = area[header.start] as number;
    const type = first & ~CRITICAL;
    if (!found.has(type)) found.set(type, area.subarray(header.start + 1, header.start + header.length));
    if (first >= CRITICAL && !UNDERSTOOD.has(type)) hasUnknownCritical = true;
    at = header.start + header.length;
  }
  const find = (type: number) => found.get(type);
  return {
    find,
    number: (type) => {
      const bytes = find(type);
      return bytes?.length === 4 ? bytes.readUInt32BE() : undefined;
    },
    hasUnknownCritical,
  };
}

function readLength(area: Buffer, at: number): { readonly start: number; readonly length: number } | undefined {
  const first = area[at] as number;
  if (first < 192) return { start: at + 1, length: first };
  if (first < 255) {
    const second = area[at + 1];
    return second === undefined ? undefined : { start: at + 2, length: ((first - 192) << 8) + second + 192 };
  }
  return at + 5 > area.length ? undefined : { start: at + 5, length: area.readUInt32BE(at + 1) };
}
