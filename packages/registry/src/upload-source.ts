import type { Blob, FetchBody } from "@base-kit/core";

/** Gives the parts of a blob one after another from a single reading; only what goes back has to read it again. */
export interface UploadSource {
  part(start: number, size: number): FetchBody;
  close(): Promise<void>;
}

export function uploadSource(blob: Blob, onBytes: (count: number) => void): UploadSource {
  let chunks: AsyncIterator<Uint8Array> | undefined;
  let rest: Uint8Array = new Uint8Array();
  let position = 0;

  const close = async (): Promise<void> => {
    const open = chunks;
    chunks = undefined;
    rest = new Uint8Array();
    await open?.return?.();
  };
  const next = async (): Promise<Uint8Array | undefined> => {
    if (rest.length > 0) return rest;
    const result = await chunks?.next();
    return result === undefined || result.done === true ? undefined : result.value;
  };
  const seek = async (start: number): Promise<void> => {
    if (chunks === undefined || position > start) {
      await close();
      chunks = blob.open()[Symbol.asyncIterator]();
      position = 0;
    }
    while (position < start) {
      const chunk = await next();
      if (chunk === undefined) return;
      const skipped = Math.min(chunk.length, start - position);
      rest = chunk.subarray(skipped);
      position += skipped;
    }
  };
  const read = async function* (start: number, size: number): AsyncGenerator<Uint8Array, void, void> {
    await seek(start);
    for (let left = size; left > 0; ) {
      const chunk = await next();
      if (chunk === undefined) return;
      const part = chunk.subarray(0, left);
      rest = chunk.subarray(part.length);
      position += part.length;
      left -= part.length;
      onBytes(part.length);
      yield part;
    }
    // Whoever made the blob may have a last word about it: that it was not what it should be.
    if (start + size === blob.size && (await next()) !== undefined)
      throw new Error(`${blob.digest} is longer than it says`);
  };
  return { part: (start, size) => ({ size, open: () => read(start, size) }), close };
}
