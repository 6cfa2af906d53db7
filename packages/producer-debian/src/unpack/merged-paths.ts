import type { ByteString } from "@base-kit/core";

/** Folders of the root that are links into `/usr` on a merged system. Source: debootstrap 1.0.128, `merge_usr`. */
export const MERGED = ["bin", "lib", "lib32", "lib64", "libo32", "libx32", "sbin"] as const;

/** Where a path of a package lies on a merged system; `bin` itself is a link there and stays. */
export function mergedPath(path: string): ByteString {
  const slash = path.indexOf("/");
  const first = slash < 0 ? "" : path.slice(0, slash);
  return ((MERGED as readonly string[]).includes(first) ? `usr/${path}` : path) as ByteString;
}
