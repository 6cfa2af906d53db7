export { type Availability, availableBackends, type Backend } from "./backend.ts";
export { runInSandbox, type SandboxCommand, type SandboxResult } from "./run-in-sandbox.ts";
