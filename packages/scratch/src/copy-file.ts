import { createHash, randomBytes } from "node:crypto";
import { closeSync, createReadStream, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { BaseKitError, type ByteString, type Content, type Context, printable } from "@base-kit/core";
import type { SearchRoot } from "@base-kit/elf";

/** The bytes of a file as they will be in the image. */
export interface Bytes {
  /** Bytes. */
  readonly size: number;
  /** Hexadecimal digits. */
  readonly sha256: string;
  content(): Content;
}

/** Bytes that lie in the context's private directory. */
export interface Copy extends Bytes {
  readonly path: string;
}

const CHUNK = 1024 ** 2;

/** A private copy of a file of the root: what was hashed is what is written, whatever happens to the original. */
export function copyFromRoot(root: SearchRoot, path: ByteString, context: Pick<Context, "tempDir" | "signal">): Copy {
  const copy = join(context.tempDir, `file-${randomBytes(8).toString("hex")}`);
  const out = openSync(copy, "wx", 0o600);
  try {
    const { size, sha256 } = root.reading(path, (source) => {
      const hash = createHash("sha256");
      for (let at = 0; at < source.size; ) {
        context.signal.throwIfAborted();
        const bytes = source.read(at, Math.min(CHUNK, source.size - at));
        if (bytes.length === 0) throw cutShort(root, path);
        hash.update(bytes);
        for (let done = 0; done < bytes.length; ) done += writeSync(out, bytes, done);
        at += bytes.length;
      }
      return { size: source.size, sha256: hash.digest("hex") };
    });
    return { path: copy, size, sha256, content: () => createReadStream(copy, { highWaterMark: CHUNK }) };
  } catch (error) {
    rmSync(copy, { force: true });
    throw error;
  } finally {
    closeSync(out);
  }
}

/** Bytes that were never a file. */
export function bytesOf(content: string | Uint8Array): Bytes {
  const bytes = Buffer.from(content);
  return { size: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex"), content: () => [bytes] };
}

function cutShort(root: SearchRoot, path: ByteString): BaseKitError {
  return new BaseKitError("SCRATCH_PROGRAM_CHANGED", `${printable(root.name + path)} was cut short while it was read`, {
    kind: "failure",
    hint: "Wait until whoever writes it is done, and try again. Nothing was written.",
  });
}
