export * from "./elf.ts";
export * from "./linkage.ts";
export * from "./machine.ts";
export { type ElfSource, withFileSource } from "./source.ts";
