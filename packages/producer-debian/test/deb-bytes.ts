import { writeTar } from "@base-kit/tar";
import { entriesFromText } from "@base-kit/testing";
import { packageReader } from "../src/unpack/read-package.ts";
import type { UnpackedPackage } from "../src/unpack/unpacked.ts";

export interface Member {
  readonly name: string;
  readonly bytes: Buffer;
}

/** An ar archive as dpkg-deb writes it, or as `header` spoils it. */
export function arOf(members: readonly Member[], spoil: (header: string) => string = (header) => header): Buffer {
  const parts = members.flatMap(({ name, bytes }) => {
    const header = `${name.padEnd(16)}${"0".padEnd(12)}${"0".padEnd(6)}${"0".padEnd(6)}${"100644".padEnd(8)}${String(bytes.length).padEnd(10)}\`\n`;
    return [Buffer.from(spoil(header), "latin1"), bytes, Buffer.alloc(bytes.length % 2, "\n")];
  });
  return Buffer.concat([Buffer.from("!<arch>\n"), ...parts]);
}

/** A tar of entries written as text. */
export async function tarOf(text: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of writeTar(entriesFromText(text))) parts.push(part);
  return Buffer.concat(parts);
}

/** A tar whose one member has this name and type, whatever anybody thinks of it. */
export function rawTar(
  name: string,
  { type = "0", link = "" }: { readonly type?: string; readonly link?: string } = {},
) {
  const header = Buffer.alloc(512);
  header.write(name, 0, 100, "latin1");
  header.write("0000644\x000000000\x000000000\x0000000000000\x0000000000000\0", 100, "latin1");
  header.write("        ", 148);
  header.write(type, 156);
  header.write(link, 157, 100, "latin1");
  header.write("ustar\x0000", 257, "latin1");
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return Buffer.concat([header, Buffer.alloc(1024)]);
}

export const CONTROL =
  "Package: demo\nVersion: 1.0\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: d\n";

export interface Parts {
  /** The control archive, as text. @default only `control` */
  readonly control?: string;
  /** The data archive, as text. */
  readonly data?: string;
}

/** The two archives of a package. */
export interface Archives {
  readonly control: Buffer;
  readonly data: Buffer;
}

/** What they say, whose data comes in pieces of this many bytes. @default in one piece */
export function readPackage({ control, data }: Archives, name: string, size: number = data.length): UnpackedPackage {
  const reader = packageReader(control, name);
  for (let at = 0; at < data.length; at += size) reader.push(data.subarray(at, at + size));
  return reader.end();
}

/** The two archives of a package, from which it is read. */
export async function contentsOf({ control, data = "directory 755 0:0 ./" }: Parts = {}): Promise<Archives> {
  return {
    control: await tarOf(control ?? `file 644 0:0@5 control ${JSON.stringify(CONTROL)}`),
    data: await tarOf(data),
  };
}

export const VERSION: Member = { name: "debian-binary", bytes: Buffer.from("2.0\n") };

/** All bytes of a stream whose chunks are valid one at a time. */
export async function gathered(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const chunk of chunks) parts.push(Buffer.from(chunk));
  return Buffer.concat(parts);
}
