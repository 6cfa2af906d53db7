export type { Engine, EngineDescription, EngineFacts, Importer } from "./engine.ts";
export { type EngineRequest, findEngine, type ProbedPlace, probePlaces } from "./find-engine.ts";
export { type RunOnce, runImageOnce } from "./run-once.ts";
export { saveImage, type TakeArchive } from "./save.ts";
export { type EngineSinkOptions, engineSink, type ImportMode } from "./sink.ts";
