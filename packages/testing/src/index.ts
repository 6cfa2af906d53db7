export * from "./elf-bytes.ts";
export * from "./gpg.ts";
export type { Tool } from "./machine.ts";
export * from "./mirror.ts";
export * from "./producer-contract.ts";
export * from "./registry.ts";
export { locationOf, type Requirement, requires } from "./requirements.ts";
export * from "./tree.ts";
export * from "./ubuntu-mirror.ts";
