const BLOCK = 512;

export interface KeptScript {
  /** `name-version.checksum.kind`. */
  readonly name: string;
  readonly content: Buffer;
  /** When its package was built, in seconds since 1970. */
  readonly mtime: number;
}

/** The order in which apk keeps a package's scripts. */
export const SCRIPT_KINDS: readonly string[] = [
  "pre-install",
  "post-install",
  "pre-deinstall",
  "post-deinstall",
  "pre-upgrade",
  "post-upgrade",
  "trigger",
];

/**
 * `lib/apk/db/scripts.tar` byte for byte as apk-tools 2.14 writes it: GNU headers whose numbers fill their fields, which is not how any
 * other archive is written here.
 */
export function scriptsArchive(scripts: readonly KeptScript[]): Buffer {
  const blocks = scripts.flatMap(({ name, content, mtime }) => [
    header(name, content.length, mtime),
    content,
    Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK),
  ]);
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]);
}

function header(name: string, size: number, mtime: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, "0");
  block.write(name.slice(0, 100), 0, "latin1");
  block.write("0000755", 100);
  block.write("0000000", 108);
  block.write("0000000", 116);
  block.write(octal(size, 12), 124);
  block.write(octal(mtime, 12), 136);
  block.write("        0", 148);
  block.write("ustar  ", 257);
  block.write("root", 265);
  block.write("root", 297);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 6)}\0 `, 148, "latin1");
  return block;
}
