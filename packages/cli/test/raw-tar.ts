/** One member of a tar as an attacker writes it: nothing is checked but the checksum made right. */
export interface RawMember {
  /** @default "0", a file */
  readonly type?: string;
  readonly content?: string | Uint8Array;
  readonly link?: string;
  /** What the header says, whatever the content has. */
  readonly size?: number | Uint8Array;
  readonly uid?: string | Uint8Array;
}

const BLOCK = 512;

export function member(name: string, { type = "0", content = "", link = "", size, uid }: RawMember = {}): Buffer {
  const bytes = Buffer.from(content as Uint8Array);
  const header = Buffer.alloc(BLOCK);
  header.write(name, 0, 100, "latin1");
  header.write("0000755\0", 100);
  put(header, 108, uid ?? "0000000\0");
  header.write("0000000\0", 116);
  put(header, 124, typeof size === "object" ? size : `${(size ?? bytes.length).toString(8).padStart(11, "0")}\0`);
  header.write("00000000000\0", 136);
  header.write("        ", 148);
  header.write(type, 156, "latin1");
  header.write(link, 157, 100, "latin1");
  header.write("ustar\0" + "00", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return Buffer.concat([header, bytes, Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK)]);
}

/** A pax header for the member that follows. */
export function pax(records: Readonly<Record<string, string>>, type: "x" | "g" = "x"): Buffer {
  const content = Object.entries(records).map(([key, value]) => record(key, value));
  return member("PaxHeaders/x", { type, content: Buffer.concat(content) });
}

/** GNU tar's header for a name (`L`) or a link target (`K`) that is too long for the next member's own. */
export function gnuLong(type: "L" | "K", value: string): Buffer {
  return member("././@LongLink", { type, content: `${value}\0` });
}

export function tarOf(...members: readonly Uint8Array[]): Buffer {
  return Buffer.concat([...members, Buffer.alloc(2 * BLOCK)]);
}

function record(key: string, value: string): Buffer {
  const rest = Buffer.from(` ${key}=${value}\n`, "latin1");
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function put(header: Buffer, at: number, value: string | Uint8Array): void {
  header.set(typeof value === "string" ? Buffer.from(value) : value, at);
}
