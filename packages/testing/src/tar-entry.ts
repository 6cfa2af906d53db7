export interface RawEntry {
  readonly path: string;
  readonly content?: string | Buffer;
  readonly mode?: number;
  /** Letter of the header; `0` is a file. */
  readonly type?: string;
  readonly target?: string;
  readonly uid?: number;
  readonly gid?: number;
}

/** One member of a tar, with a time of its own in the past. */
export function tarEntry({
  path,
  content = "",
  mode = 0o644,
  type = "0",
  target = "",
  uid = 0,
  gid = 0,
}: RawEntry): Buffer {
  const bytes = Buffer.from(content);
  const header = Buffer.alloc(512);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, "0");
  header.write(path, 0, "latin1");
  header.write(octal(mode, 7), 100);
  header.write(octal(uid, 7), 108);
  header.write(octal(gid, 7), 116);
  header.write(octal(bytes.length, 11), 124);
  header.write(octal(1_700_000_000, 11), 136);
  header.write("        ", 148);
  header.write(type, 156);
  header.write(target, 157, "latin1");
  header.write("ustar\u000000", 257, "latin1");
  header.write("root", 265);
  header.write("root", 297);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${octal(sum, 6)}\0 `, 148, "latin1");
  return Buffer.concat([header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}
