export { type CheckResult, checkByRunning, missedInWords } from "./check.ts";
export { entriesRoot } from "./entries-root.ts";
export type { Addition } from "./features.ts";
export type { ScratchInput } from "./inputs.ts";
export { type LintFinding, lintRootfs } from "./lint.ts";
export { FEATURES, type Feature, type ScratchOptions, type ScratchProgram } from "./options.ts";
export type { ReportedLibrary, ReportedProgram, ScratchReport } from "./report.ts";
export { type ScratchContext, scratchContext } from "./scratch-context.ts";
export { type ScratchRootfs, scratchRootfs } from "./scratch-rootfs.ts";
