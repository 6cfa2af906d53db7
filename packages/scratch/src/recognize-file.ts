/** What a file that is not an ELF program is, as far as its first bytes tell, and what to do about it. */
export interface Recognized {
  readonly what: string;
  readonly advice: string;
}

const LINUX_BUILD = "Build it for Linux (GOOS=linux go build, cargo build --target x86_64-unknown-linux-musl, …).";
const OTHER_IMAGE =
  "Make an image with what runs it, by `base-kit build alpine` or `base-kit build debootstrap:bookworm`.";
const ARCHIVE = "Unpack it and name the program inside.";

const KNOWN: readonly { readonly magic: string; readonly what: string; readonly advice: string }[] = [
  { magic: "\xfe\xed\xfa\xce", what: "a macOS program", advice: LINUX_BUILD },
  { magic: "\xfe\xed\xfa\xcf", what: "a macOS program", advice: LINUX_BUILD },
  { magic: "\xce\xfa\xed\xfe", what: "a macOS program", advice: LINUX_BUILD },
  { magic: "\xcf\xfa\xed\xfe", what: "a macOS program", advice: LINUX_BUILD },
  { magic: "\xca\xfe\xba\xbe", what: "a macOS program or a Java class", advice: LINUX_BUILD },
  { magic: "MZ", what: "a Windows program", advice: LINUX_BUILD },
  { magic: "\0asm", what: "a WebAssembly module", advice: OTHER_IMAGE },
  { magic: "PK\x03\x04", what: "a zip or Java archive", advice: OTHER_IMAGE },
  { magic: "\x1f\x8b", what: "a gzip archive", advice: ARCHIVE },
  { magic: "\xfd7zXZ\0", what: "an xz archive", advice: ARCHIVE },
  { magic: "\x28\xb5\x2f\xfd", what: "a zstd archive", advice: ARCHIVE },
];

export function recognizeFile(head: Buffer): Recognized {
  if (head.length === 0) return { what: "an empty file", advice: "Build or copy it again." };
  const text = head.toString("latin1");
  const known = KNOWN.find(({ magic }) => text.startsWith(magic));
  return known ?? { what: "not a program (no ELF file)", advice: "Name a program for Linux." };
}

/** What starts a script. */
export interface Shebang {
  /** As written; empty for a line without one. */
  readonly interpreter: string;
  /** All that follows, which is one argument for the kernel. */
  readonly argument?: string;
}

/** The interpreter line of execve(2). */
export function shebangOf(head: Buffer): Shebang | undefined {
  const text = head.toString("latin1");
  if (!text.startsWith("#!")) return undefined;
  const [line = ""] = text.slice(2).split("\n", 1);
  // Nothing but blanks is cut off: with a carriage return at its end the kernel looks for another file.
  const [, interpreter = "", argument] = /^[ \t]*([^ \t]*)(?:[ \t]+(.*?))?[ \t]*$/s.exec(line) ?? [];
  return { interpreter, ...(argument === undefined || argument === "" ? {} : { argument }) };
}
