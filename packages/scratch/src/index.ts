export type { ScratchOptions, ScratchProgram } from "./options.ts";
export { type ScratchContext, scratchContext } from "./scratch-context.ts";
export { scratchRootfs } from "./scratch-rootfs.ts";
