export { type Availability, availableBackends, type Backend, chooseBackend, type SandboxMode } from "./backend.ts";
export type { Changes } from "./changes.ts";
export { runInSandbox, type SandboxCommand, type SandboxResult } from "./run-in-sandbox.ts";
export { type OneRun, runOnce } from "./run-once.ts";
