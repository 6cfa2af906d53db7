export type { AlpineOptions } from "./options.ts";
export { alpine } from "./producer.ts";
export { wolfi } from "./wolfi.ts";
