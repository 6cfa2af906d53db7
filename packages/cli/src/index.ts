export { type BuildFlags, build } from "./commands/build.ts";
export { type ImportFlags, importRootfs } from "./commands/import.ts";
export { type PackFlags, type PackResult, pack } from "./commands/pack.ts";
export { PRODUCERS } from "./producers.ts";
export type { ImageResult } from "./result.ts";
export { type CommonOptions, withSession } from "./session.ts";
