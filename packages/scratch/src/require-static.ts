import { closeSync, openSync, readSync } from "node:fs";
import {
  type Architecture,
  BaseKitError,
  formatPlatform,
  isBaseKitError,
  type Platform,
  parsePlatform,
  printable,
} from "@base-kit/core";
import { architectureOf, describeMachine, type Elf, linkageOf, readElfFile } from "@base-kit/elf";
import { recognizeFile } from "./recognize-file.ts";

/** Where the bytes are, and what messages call the program. */
interface ProgramFile {
  readonly copy: string;
  readonly name: string;
}

/**
 * The architecture of a program that needs nothing but the kernel.
 *
 * @throws BaseKitError (unsupported) `SCRATCH_DYNAMIC` for one that needs libraries, `SCRATCH_NOT_A_PROGRAM` for
 *   everything that cannot be started, `SCRATCH_MACHINE` where no container platform fits, and those of `readElf`
 */
export function requireStaticProgram(file: ProgramFile): Architecture {
  const elf = readProgram(file);
  const linkage = linkageOf(elf);
  if (linkage === "dynamic") throw dynamic(file.name, elf);
  if (linkage === "library") throw notStartable(file.name, "a shared library");
  if (linkage === "object")
    throw notStartable(file.name, elf.type === "core" ? "a core dump" : "an object file that is not linked");
  if (elf.entry === 0n) throw notStartable(file.name, "an ELF file without a beginning (its entry point is 0)");
  const system = OTHER_SYSTEMS.get(elf.osAbi);
  const architecture = architectureOf(elf);
  if (system !== undefined || architecture === undefined) {
    throw new BaseKitError(
      "SCRATCH_MACHINE",
      `the program ${printable(file.name)} is for ${system ?? describeMachine(elf)}, which no Linux container runs`,
      { kind: "unsupported", hint: "Build it for Linux on one of the container platforms. Nothing was written." },
    );
  }
  return architecture;
}

/**
 * The platform of an image with these programs: the one asked for, or the one they share.
 *
 * @throws BaseKitError `SCRATCH_ARCHITECTURE` (usage)
 */
export function sharedPlatform(
  programs: readonly { readonly file: string; readonly architecture: Architecture }[],
  asked: Platform | undefined,
): Platform {
  const [first] = programs;
  const platform = asked ?? parsePlatform(first?.architecture ?? "amd64");
  const odd = programs.find(({ architecture }) => architecture !== platform.architecture);
  if (odd === undefined) return platform;
  const expected = asked === undefined ? ` like ${printable(first?.file ?? "")}` : ", which was asked for";
  throw new BaseKitError(
    "SCRATCH_ARCHITECTURE",
    `the program ${printable(odd.file)} is for ${formatPlatform(parsePlatform(odd.architecture))}, expected ${formatPlatform(platform)}${expected}`,
    { kind: "usage", hint: "One image is for one architecture: name programs of the same one. Nothing was written." },
  );
}

/** `EI_OSABI` values whose programs carry the same format for another kernel. */
const OTHER_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [1, "HP-UX"],
  [2, "NetBSD"],
  [6, "Solaris"],
  [7, "AIX"],
  [8, "IRIX"],
  [9, "FreeBSD"],
  [12, "OpenBSD"],
]);

function readProgram({ copy, name }: ProgramFile): Elf {
  try {
    return readElfFile(copy, { name });
  } catch (error) {
    if (!isBaseKitError(error) || error.code !== "ELF_NOT_ELF") throw error;
    const { what, advice } = recognizeFile(readHead(copy));
    throw new BaseKitError("SCRATCH_NOT_A_PROGRAM", `${printable(name)} is ${what}`, {
      kind: "unsupported",
      hint: `${advice} Nothing was written.`,
      cause: error,
    });
  }
}

function readHead(path: string): Buffer {
  const file = openSync(path, "r");
  try {
    const head = Buffer.alloc(256);
    return head.subarray(0, readSync(file, head, 0, head.length, 0));
  } finally {
    closeSync(file);
  }
}

function dynamic(name: string, { interpreter, dynamic: section }: Elf): BaseKitError {
  const loader = interpreter === undefined ? [] : [`the interpreter ${printable(interpreter)}`];
  const names = section?.needed.map(printable) ?? [];
  const libraries =
    names.length === 0 ? [] : [`the ${names.length === 1 ? "library" : "libraries"} ${names.join(", ")}`];
  return new BaseKitError(
    "SCRATCH_DYNAMIC",
    `the program ${printable(name)} is dynamically linked: it needs ${[...loader, ...libraries].join(" and ")}, which a scratch image does not have`,
    {
      kind: "unsupported",
      hint:
        "Link it statically (gcc -static, CGO_ENABLED=0 go build, cargo build --target x86_64-unknown-linux-musl), or put it on " +
        "an image made by `base-kit build alpine` or `base-kit build debootstrap:bookworm`. Libraries are not collected yet. Nothing was written.",
    },
  );
}

function notStartable(name: string, what: string): BaseKitError {
  return new BaseKitError("SCRATCH_NOT_A_PROGRAM", `${printable(name)} is ${what}, expected a program`, {
    kind: "unsupported",
    hint: "Name the program that is started. Nothing was written.",
  });
}
