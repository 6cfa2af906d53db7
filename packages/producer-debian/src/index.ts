export type { DebianOptions } from "./options.ts";
export { debian, ubuntu } from "./producer.ts";
