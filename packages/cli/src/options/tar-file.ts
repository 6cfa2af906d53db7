import { extname } from "node:path";
import { BaseKitError, printable } from "@base-kit/core";

const OTHERS = [".xz", ".txz", ".bz2", ".tbz2", ".lz4", ".lzma"];

/**
 * How a tar is to be compressed, by the name of its file: `.gz` and `.tgz` mean gzip, `.zst` and `.tzst` zstd.
 *
 * @throws BaseKitError `TAR_FILE_COMPRESSION` (usage) for a name that promises what is not made
 */
export function compressionByName(file: string): "none" | "gzip" | "zstd" {
  const extension = extname(file).toLowerCase();
  if (OTHERS.includes(extension)) {
    throw new BaseKitError(
      "TAR_FILE_COMPRESSION",
      `refusing to write ${printable(file)}: the name says ${extension}, only gzip (.gz, .tgz) and zstd (.zst, .tzst) are made`,
      { kind: "usage", hint: "Give another name, or pack to - and pipe it into the compressor. Nothing was written." },
    );
  }
  if (extension === ".zst" || extension === ".tzst") return "zstd";
  return extension === ".gz" || extension === ".tgz" ? "gzip" : "none";
}
