export * from "./elf-bytes.ts";
export type { Tool } from "./machine.ts";
export { locationOf, type Requirement, requires } from "./requirements.ts";
export * from "./tree.ts";
