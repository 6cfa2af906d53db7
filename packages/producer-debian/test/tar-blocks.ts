/** The parts of a tar as no tool would write them. */
export interface Header {
  /** Letter of the header; `0` is a file. */
  readonly type?: string;
  readonly link?: string;
  readonly content?: string;
  readonly mode?: number;
  /** Other bytes for fields by their places: what no tool writes. */
  readonly raw?: Readonly<Record<number, string>>;
}

export function member(
  name: string,
  { type = "0", link = "", content = "", mode = 0o644, raw = {} }: Header = {},
): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0, 100, "latin1");
  header.write(`${mode.toString(8).padStart(7, "0")}\x000000000\x000000000\0`, 100, "latin1");
  header.write(`${Buffer.byteLength(content, "latin1").toString(8).padStart(11, "0")}\x0000000000005\0`, 124, "latin1");
  header.write(type, 156);
  header.write(link, 157, 100, "latin1");
  header.write("ustar\x0000", 257, "latin1");
  for (const [place, text] of Object.entries(raw)) header.write(text, Number(place), "latin1");
  header.write("        ", 148);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  const padded = Buffer.alloc(Math.ceil(content.length / 512) * 512);
  padded.write(content, "latin1");
  return Buffer.concat([header, padded]);
}

export function folder(name: string): Buffer {
  return member(`${name}/`, { type: "5", mode: 0o755 });
}

/** A pax header with these records, for the next member or (`g`) for all. */
export function pax(records: Readonly<Record<string, string>>, type = "x"): Buffer {
  const texts = Object.entries(records).map(([key, value]) => {
    const rest = key.length + value.length + 3;
    const digits = [1, 2, 3, 4, 5, 6, 7].find((count) => String(rest + count).length === count) ?? 0;
    return `${rest + digits} ${key}=${value}\n`;
  });
  return member("pax", { type, content: texts.join("") });
}

export function gnuLong(name: string, type = "L"): Buffer {
  return member("././@LongLink", { type, content: `${name}\0` });
}

export function ended(...blocks: readonly Buffer[]): Buffer {
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}
