export * from "./elf.ts";
export * from "./linkage.ts";
export * from "./machine.ts";
export * from "./source.ts";
