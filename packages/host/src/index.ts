export { cacheDir } from "./cache-dir.ts";
export { type CreateContextOptions, createContext, type HostContext } from "./context.ts";
export { type CreateExecOptions, createExec } from "./exec.ts";
export { type CreateFetchOptions, createFetch, type HttpFetch } from "./fetch.ts";
export { mountPoints } from "./mount-points.ts";
export { removeTree } from "./remove-tree.ts";
export { abortOnSignals, type SignalWatch } from "./signals.ts";
export { createTempDir, type TempDir } from "./temp-dir.ts";
