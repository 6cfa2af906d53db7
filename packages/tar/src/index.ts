export { encodeHeader } from "./header.ts";
export { type IndexTarOptions, indexTar } from "./index-file.ts";
export { COMPONENT_AT_MOST, DEFAULT_LIMITS, PATH_AT_MOST, type TarLimits } from "./limits.ts";
export { compareTreeOrder, entryPath } from "./path.ts";
export { type StreamTarOptions, streamTar } from "./stream.ts";
export { writeTar } from "./write.ts";
