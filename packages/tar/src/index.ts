export { entriesAt, type IndexTarOptions, indexTar } from "./index-file.ts";
export { lentPieces } from "./lent-pieces.ts";
export { COMPONENT_AT_MOST, DEFAULT_LIMITS, PATH_AT_MOST, type TarLimits } from "./limits.ts";
export type { Member } from "./member.ts";
export { compareTreeOrder, treeOrderKey } from "./path.ts";
export { TarReader, type TarReaderOptions } from "./reader.ts";
export { type RepackTarOptions, repackTar } from "./repack.ts";
export { type RepackTarFileOptions, repackTarFile } from "./repack-file.ts";
export { END_OF_TAR, type WriteTarOptions, writeTar } from "./write.ts";
