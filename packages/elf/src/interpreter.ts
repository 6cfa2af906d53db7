import type { ByteString } from "@base-kit/core";
import { bytesFromBuffer } from "@base-kit/core";
import type { Decoder } from "./decode.ts";
import { malformed } from "./decode.ts";
import type { ProgramHeader } from "./program-headers.ts";
import { PT_INTERP } from "./program-headers.ts";

// Linux: PATH_MAX, with the closing zero byte.
const PATH_AT_MOST = 4096n;

/** The program that the kernel starts instead, which loads this one: `/lib64/ld-linux-x86-64.so.2`. The first one counts. */
export function readInterpreter(file: Decoder, segments: readonly ProgramHeader[]): ByteString | undefined {
  const segment = segments.find(({ type }) => type === PT_INTERP);
  if (segment === undefined) return undefined;
  if (segment.fileSize < 2n || segment.fileSize > PATH_AT_MOST) {
    throw malformed(
      file.name,
      `the path of its interpreter has ${segment.fileSize} bytes, expected 2 to ${PATH_AT_MOST}`,
    );
  }
  const path = file.bytes(segment.offset, segment.fileSize, "the path of the interpreter");
  if (path.at(-1) !== 0) throw malformed(file.name, "the path of its interpreter has no end");
  return bytesFromBuffer(path, 0, path.indexOf(0));
}
