export * from "./closure.ts";
export { dynamicStrings } from "./dynamic-strings.ts";
export * from "./elf.ts";
export { type CacheEntry, type LdSoCache, readLdSoCache, writeLdSoCache } from "./ld-so-cache.ts";
export { readLdSoConf } from "./ld-so-conf.ts";
export { defaultFolders, type ElfFiles, elfFiles, type FoundBy, type Loaded } from "./library-search.ts";
export * from "./linkage.ts";
export * from "./machine.ts";
export {
  directoryRoot,
  type Resolved,
  type RootNode,
  readSmallFile,
  resolvePath,
  type SearchRoot,
} from "./search-root.ts";
export type { ElfSource } from "./source.ts";
