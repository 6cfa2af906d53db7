import { createHash } from "node:crypto";
import { canonicalJson, type Entry, type Rootfs } from "@base-kit/core";
import { mergedEntries } from "@base-kit/rootfs";

/**
 * The same tree as one segment whose key follows from what is in it. Keys so far follow from the directory as debootstrap
 * left it, with its logs and times, and so would never be the same twice.
 */
export async function asOneSegment(rootfs: Rootfs): Promise<Rootfs> {
  const entries = mergedEntries(rootfs);
  const hash = createHash("sha256");
  for (const entry of entries) {
    hash.update(`${canonicalJson(facts(entry))}\n`);
    if (entry.type === "file") for await (const chunk of entry.content()) hash.update(chunk);
  }
  const segment = { key: `tree:sha256:${hash.digest("hex")}`, origin: "base", entries: () => entries };
  return { ...rootfs, segments: [segment] };
}

/** All but the content of a file, whose size tells where it ends. */
function facts(entry: Entry): object {
  const { xattrs, ...rest } = entry;
  const attributes = [...(xattrs ?? [])].map(([name, value]) => [name, Buffer.from(value).toString("hex")]);
  return { ...rest, xattrs: attributes.sort(([a = ""], [b = ""]) => (a < b ? -1 : 1)) };
}
