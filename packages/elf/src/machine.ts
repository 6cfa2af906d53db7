import type { Architecture } from "@base-kit/core";
import type { Elf } from "./elf.ts";

type MachineFacts = Pick<Elf, "machine" | "class" | "byteOrder">;

interface Machine {
  readonly name: string;
  /** Where a container platform of this machine exists: which class and byte order it has. */
  readonly platform?: {
    readonly architecture: Architecture;
    readonly class: 32 | 64;
    readonly byteOrder: "little" | "big";
  };
}

/** `e_machine`: the registry at the end of the gABI's chapter 4. */
const MACHINES: ReadonlyMap<number, Machine> = new Map<number, Machine>([
  [2, { name: "SPARC" }],
  [3, { name: "x86", platform: { architecture: "386", class: 32, byteOrder: "little" } }],
  [4, { name: "Motorola 68000" }],
  [8, { name: "MIPS", platform: { architecture: "mips64le", class: 64, byteOrder: "little" } }],
  [15, { name: "PA-RISC" }],
  [20, { name: "PowerPC" }],
  [21, { name: "PowerPC64", platform: { architecture: "ppc64le", class: 64, byteOrder: "little" } }],
  [22, { name: "S/390", platform: { architecture: "s390x", class: 64, byteOrder: "big" } }],
  [40, { name: "ARM", platform: { architecture: "arm", class: 32, byteOrder: "little" } }],
  [42, { name: "SuperH" }],
  [43, { name: "SPARC V9" }],
  [50, { name: "Itanium" }],
  [62, { name: "x86-64", platform: { architecture: "amd64", class: 64, byteOrder: "little" } }],
  [183, { name: "AArch64", platform: { architecture: "arm64", class: 64, byteOrder: "little" } }],
  [243, { name: "RISC-V", platform: { architecture: "riscv64", class: 64, byteOrder: "little" } }],
  [247, { name: "BPF" }],
  [258, { name: "LoongArch", platform: { architecture: "loong64", class: 64, byteOrder: "little" } }],
]);

/** The architecture a container of this program has; undefined for a machine, or a mode of one such as x32, that has none. */
export function architectureOf(elf: MachineFacts): Architecture | undefined {
  const platform = MACHINES.get(elf.machine)?.platform;
  return platform?.class === elf.class && platform.byteOrder === elf.byteOrder ? platform.architecture : undefined;
}

/** For messages: `x86-64, 64-bit, little endian`. */
export function describeMachine(elf: MachineFacts): string {
  return `${MACHINES.get(elf.machine)?.name ?? `machine ${elf.machine}`}, ${elf.class}-bit, ${elf.byteOrder} endian`;
}
