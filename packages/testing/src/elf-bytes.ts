/** What a hand-made program says about itself; the defaults are a static x86-64 one that ends at once. */
export interface ElfBytesOptions {
  readonly class?: 32 | 64;
  readonly byteOrder?: "little" | "big";
  /** `e_type`: 2 is an executable, 3 a shared object or a program for any address. */
  readonly type?: number;
  /** `e_machine`. */
  readonly machine?: number;
  readonly osAbi?: number;
  readonly entry?: bigint;
  readonly interpreter?: string;
  readonly needed?: readonly string[];
  readonly soname?: string;
  readonly rpath?: string;
  readonly runpath?: string;
  /** Writes a dynamic section with `DF_1_PIE`. */
  readonly pie?: boolean;
  /** Machine code, which follows the tables and is where the program begins unless `entry` says otherwise. */
  readonly code?: Uint8Array;
}

const BASE = 0x400000n;

/** A small valid ELF file, without sections, made byte by byte: every machine's programs on every machine. */
export function elfBytes(options: ElfBytesOptions = {}): Buffer {
  const { class: bits = 64, byteOrder = "little", type = 2, machine = 62, osAbi = 0 } = options;
  const wide = bits === 64;
  const out = createWriter(byteOrder === "little", wide);
  const strings = stringTable();
  const dynamic = dynamicEntries(options, strings.add);
  const interpreter = options.interpreter === undefined ? undefined : Buffer.from(`${options.interpreter}\0`);
  const headers = 1 + (interpreter ? 1 : 0) + (dynamic.length > 0 ? 1 : 0);
  const headerSize = wide ? 64 : 52;
  const entrySize = wide ? 56 : 32;
  const interpreterAt = headerSize + headers * entrySize;
  const stringsAt = interpreterAt + (interpreter?.length ?? 0);
  const dynamicAt = align(stringsAt + strings.bytes().length);
  const table =
    dynamic.length === 0 ? [] : [...dynamic, [5n, at(stringsAt)], [10n, BigInt(strings.bytes().length)], [0n, 0n]];
  const dynamicSize = table.length * (wide ? 16 : 8);
  const codeAt = align(dynamicAt + dynamicSize);
  const code = options.code ?? X86_64_EXIT;
  const size = codeAt + code.length;

  out.raw([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, byteOrder === "little" ? 1 : 2, 1, osAbi, 0, 0, 0, 0, 0, 0, 0, 0]);
  out.half(type);
  out.half(machine);
  out.word(1);
  out.address(options.entry ?? at(codeAt));
  out.address(BigInt(headerSize));
  out.address(0n);
  out.word(0);
  for (const field of [headerSize, entrySize, headers, wide ? 64 : 40, 0, 0]) out.half(field);
  if (interpreter) out.segment(3, { offset: interpreterAt, size: interpreter.length, flags: 4 });
  out.segment(1, { offset: 0, size, flags: 5 });
  if (table.length > 0) out.segment(2, { offset: dynamicAt, size: dynamicSize, flags: 4 });
  out.raw(interpreter ?? []);
  out.raw(strings.bytes());
  out.pad(dynamicAt);
  for (const [tag = 0n, value = 0n] of table) {
    out.address(tag);
    out.address(value);
  }
  out.pad(codeAt);
  out.raw(code);
  return out.bytes();
}

/** A static x86-64 Linux program that writes a text to standard output and ends with exit code 0. */
export function printingProgram(text: string): Buffer {
  const message = Buffer.from(text);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(message.length);
  // write(1, message, length); exit(0); the message stands 16 bytes behind the instruction that takes its address.
  const write = [0xb8, 1, 0, 0, 0, 0xbf, 1, 0, 0, 0, 0x48, 0x8d, 0x35, 16, 0, 0, 0, 0xba, ...length, 0x0f, 0x05];
  return elfBytes({ code: Buffer.from([...write, ...X86_64_EXIT, ...message]) });
}

/** mov eax, 60; xor edi, edi; syscall */
const X86_64_EXIT: Uint8Array = Uint8Array.of(0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05);

function dynamicEntries(options: ElfBytesOptions, add: (text: string) => bigint): readonly (readonly bigint[])[] {
  const { needed = [], soname, rpath, runpath, pie } = options;
  return [
    ...needed.map((name) => [1n, add(name)]),
    ...(soname === undefined ? [] : [[14n, add(soname)]]),
    ...(rpath === undefined ? [] : [[15n, add(rpath)]]),
    ...(runpath === undefined ? [] : [[29n, add(runpath)]]),
    ...(pie ? [[0x6fff_fffbn, 0x0800_0000n]] : []),
  ];
}

function at(offset: number): bigint {
  return BASE + BigInt(offset);
}

function align(offset: number): number {
  return Math.ceil(offset / 16) * 16;
}

function stringTable() {
  let bytes = Buffer.of(0);
  return {
    bytes: () => bytes,
    add: (text: string): bigint => {
      const offset = bytes.length;
      bytes = Buffer.concat([bytes, Buffer.from(`${text}\0`, "latin1")]);
      return BigInt(offset);
    },
  };
}

function createWriter(little: boolean, wide: boolean) {
  const chunks: Buffer[] = [];
  let size = 0;
  const raw = (bytes: Uint8Array | readonly number[]) => {
    chunks.push(Buffer.from(bytes));
    size += bytes.length;
  };
  const number = (value: bigint, width: 2 | 4 | 8) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(value);
    const field = bytes.subarray(0, width);
    raw(little ? field : field.reverse());
  };
  const word = (value: number) => number(BigInt(value), 4);
  const address = (value: bigint) => number(value, wide ? 8 : 4);
  return {
    raw,
    word,
    address,
    half: (value: number) => number(BigInt(value), 2),
    pad: (offset: number) => raw(Buffer.alloc(offset - size)),
    bytes: () => Buffer.concat(chunks),
    segment: (type: number, part: { readonly offset: number; readonly size: number; readonly flags: number }) => {
      word(type);
      if (wide) word(part.flags);
      for (const field of [BigInt(part.offset), at(part.offset), at(part.offset)]) address(field);
      address(BigInt(part.size));
      address(BigInt(part.size));
      if (!wide) word(part.flags);
      address(type === 1 ? 4096n : 1n);
    },
  };
}
