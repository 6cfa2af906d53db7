export type { DebootstrapOptions } from "./options.ts";
export { debootstrap } from "./producer.ts";
