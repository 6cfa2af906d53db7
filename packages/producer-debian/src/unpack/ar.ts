import { printable } from "@base-kit/core";
import { refuseDeb } from "./refuse.ts";

export interface ArMember {
  readonly name: string;
  readonly bytes: Buffer;
}

const MAGIC = "!<arch>\n";
const HEADER = 60;

/**
 * The members of a package file, in their order. deb(5) allows the common format without long names; anything else is refused,
 * as dpkg-deb does.
 *
 * @throws BaseKitError `DEB_INVALID` (verification)
 */
export function* arMembers(file: Buffer, name: string): Generator<ArMember, void, void> {
  if (file.toString("latin1", 0, MAGIC.length) !== MAGIC) refuseDeb(name, "it is no ar archive");
  let at = MAGIC.length;
  while (at < file.length) {
    const header = file.toString("latin1", at, at + HEADER);
    if (header.length < HEADER) refuseDeb(name, `it ends within the member header at byte ${at}`);
    if (!header.endsWith("`\n")) refuseDeb(name, `the member header at byte ${at} is damaged`);
    const member = header.slice(0, 16).replace(/\/? *$/, "");
    const digits = header.slice(48, 58).trimEnd();
    if (!/^\d{1,10}$/.test(digits))
      refuseDeb(name, `the member ${printable(member)} has the size ${printable(digits)}`);
    const start = at + HEADER;
    const end = start + Number(digits);
    if (end > file.length) refuseDeb(name, `it ends within the member ${printable(member)}`);
    yield { name: member, bytes: file.subarray(start, end) };
    // Members begin at even places; the last one may lack its padding.
    at = end + (end % 2);
  }
}
