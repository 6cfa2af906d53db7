import { type ByteString, bytesFromBuffer, type Entry } from "@base-kit/core";
import { TarReader, writeTar } from "@base-kit/tar";
import type { Changes } from "./changes.ts";

/** Changes as bytes to be kept: the removed paths, each ended by a zero byte, their length before them, then a tar. */
export async function packChanges({ entries, removed }: Changes): Promise<Buffer> {
  const paths = Buffer.from(removed.map((path) => `${path}\0`).join(""), "latin1");
  const length = Buffer.alloc(4);
  length.writeUInt32BE(paths.length);
  const tar: Buffer[] = [];
  for await (const chunk of writeTar(entries)) tar.push(Buffer.from(chunk));
  return Buffer.concat([length, paths, ...tar]);
}

export function unpackChanges(bytes: Buffer): Changes {
  const length = bytes.readUInt32BE(0);
  const removed = bytesFromBuffer(bytes, 4, 4 + length)
    .split("\0")
    .filter((path) => path !== "") as ByteString[];
  const entries: Entry[] = [];
  let parts: Buffer[] = [];
  const reader = new TarReader({
    name: "the kept changes",
    onEntry: (member) => {
      const content: Buffer[] = [];
      parts = content;
      entries.push(member.type === "file" ? { ...member, content: () => content } : member);
    },
    onContent: (chunk) => void parts.push(Buffer.from(chunk)),
  });
  reader.push(bytes.subarray(4 + length));
  reader.end();
  return { entries, removed };
}
