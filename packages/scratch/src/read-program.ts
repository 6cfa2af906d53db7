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
import type { Marker } from "./needs.ts";
import { recognizeFile, type Shebang, shebangOf } from "./recognize-file.ts";

/** What one of the named files is. */
export type ProgramKind =
  | {
      readonly kind: "static" | "dynamic";
      readonly architecture: Architecture;
      readonly elf: Elf;
      readonly markers: ReadonlySet<Marker>;
    }
  | { readonly kind: "script"; readonly shebang: Shebang }
  /** Something that a program reads. */
  | { readonly kind: "data" };

interface ProgramFile {
  /** The copy that is read. */
  readonly copy: string;
  /** What messages call it. */
  readonly name: string;
}

/**
 * What a file is, as far as it can be started or may be read by what is.
 *
 * @param isDataWelcome whether a file that is no program may come along: something that was named before it can run it
 * @throws BaseKitError (unsupported) `SCRATCH_NOT_A_PROGRAM` for what cannot be started, `SCRATCH_MACHINE` where no
 *   container platform fits, and those of `readElf`
 */
export function readProgram(file: ProgramFile, isDataWelcome: boolean): ProgramKind {
  let elf: Elf;
  try {
    elf = readElfFile(file.copy, { name: file.name });
  } catch (error) {
    if (!isBaseKitError(error) || error.code !== "ELF_NOT_ELF") throw error;
    const head = readHead(file.copy);
    const shebang = shebangOf(head);
    if (shebang !== undefined) return { kind: "script", shebang };
    if (isDataWelcome) return { kind: "data" };
    const { what, advice } = recognizeFile(head);
    throw new BaseKitError("SCRATCH_NOT_A_PROGRAM", `${printable(file.name)} is ${what}`, {
      kind: "unsupported",
      hint: `${advice} Nothing was written.`,
      cause: error,
    });
  }
  return readElfProgram(file, elf);
}

function readElfProgram({ copy, name }: ProgramFile, elf: Elf): ProgramKind {
  const linkage = linkageOf(elf);
  if (linkage === "library") throw notStartable(name, "a shared library");
  if (linkage === "object")
    throw notStartable(name, elf.type === "core" ? "a core dump" : "an object file that is not linked");
  if (elf.entry === 0n) throw notStartable(name, "an ELF file without a beginning (its entry point is 0)");
  const system = OTHER_SYSTEMS.get(elf.osAbi);
  const architecture = architectureOf(elf);
  if (system !== undefined || architecture === undefined) {
    throw new BaseKitError(
      "SCRATCH_MACHINE",
      `the program ${printable(name)} is for ${system ?? describeMachine(elf)}, which no Linux container runs`,
      { kind: "unsupported", hint: "Build it for Linux on one of the container platforms. Nothing was written." },
    );
  }
  return { kind: linkage, architecture, elf, markers: markersIn(copy) };
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

const GO = "\xff Go buildinf:";
/** The paths that Go's crypto/x509 and Rust's openssl-probe carry; and Go's package time, as libc has that path in every program. */
const TEXTS = { go: GO, certificates: "/etc/ssl/certs/ca-certificates.crt", zones: "/usr/share/zoneinfo/" } as const;
const CHUNK = 4 * 1024 ** 2;
const OVERLAP = 64;

function markersIn(copy: string): ReadonlySet<Marker> {
  const found = new Set<keyof typeof TEXTS>();
  const file = openSync(copy, "r");
  try {
    const buffer = Buffer.alloc(CHUNK + OVERLAP);
    for (let at = 0; ; at += CHUNK) {
      const length = readSync(file, buffer, 0, buffer.length, at);
      const part = buffer.subarray(0, length);
      for (const [name, text] of Object.entries(TEXTS) as readonly (readonly [keyof typeof TEXTS, string])[]) {
        if (!found.has(name) && part.includes(text, 0, "latin1")) found.add(name);
      }
      if (length < buffer.length) break;
    }
  } finally {
    closeSync(file);
  }
  return new Set<Marker>([
    ...(found.has("certificates") ? (["certificates"] as const) : []),
    ...(found.has("go") && found.has("zones") ? (["time zones"] as const) : []),
  ]);
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

function notStartable(name: string, what: string): BaseKitError {
  return new BaseKitError("SCRATCH_NOT_A_PROGRAM", `${printable(name)} is ${what}, expected a program`, {
    kind: "unsupported",
    hint: "Name the program that is started. Nothing was written.",
  });
}
