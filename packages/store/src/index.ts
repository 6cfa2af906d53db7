export { type WriteFileOptions, writeFileAtomically } from "./atomic-file.ts";
export { type DecompressOptions, decompress } from "./decompress.ts";
export { type Compression, DETECTION_SIZE, detectCompression } from "./detect-compression.ts";
export { type FetchedFile, type FileSource, fetchFile } from "./fetch-file.ts";
export { type FetchFilesOptions, fetchFiles } from "./fetch-files.ts";
export { resolveMirror } from "./mirror-url.ts";
export { listStore, type Pruned, pruneStore, type StoredItem } from "./prune.ts";
export { createTries, isTemporary, parseRetryAfter, Temporary } from "./retry.ts";
export { type CreateStoreOptions, createStore, type FolderStore } from "./store.ts";
