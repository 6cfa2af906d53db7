import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { canonicalJson } from "@base-kit/core";
import { dockerignore } from "./dockerfile.ts";

/** A file by the digest of its bytes, or by its text. */
type Described = { readonly name: string; readonly sha256: string } | { readonly name: string; readonly text: string };

/** Names and contents of everything in a context but `.dockerignore`, which carries this digest. */
export function contentDigest(files: readonly Described[]): string {
  const digests = files.map((file) => [file.name, "text" in file ? sha256(file.text) : file.sha256]);
  return `sha256:${sha256(canonicalJson(digests.sort(([a = ""], [b = ""]) => (a < b ? -1 : 1))))}`;
}

/**
 * Whether a folder is exactly what `scratchContext` wrote: replacing it then loses nothing that anyone else made. A file
 * more or less, or a changed byte, and it is not.
 */
export async function isOwnContext(dir: string): Promise<boolean> {
  const items = await readdir(dir, { withFileTypes: true });
  const names = items.map(({ name }) => name).filter((name) => name !== ".dockerignore");
  if (!items.every((item) => item.isFile()) || names.length === items.length || !names.includes("Dockerfile"))
    return false;
  const ignore = await readFile(join(dir, ".dockerignore"), "utf8");
  if (!ignore.startsWith("# Written by base-kit scratch, ")) return false;
  const files: Described[] = [];
  for (const name of names) files.push({ name, sha256: await fileDigest(join(dir, name)) });
  return (
    ignore ===
    dockerignore(
      names.filter((name) => name !== "Dockerfile"),
      contentDigest(files),
    )
  );
}

async function fileDigest(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 ** 2 })) hash.update(chunk);
  return hash.digest("hex");
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
