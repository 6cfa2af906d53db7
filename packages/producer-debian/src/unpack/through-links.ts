import { BaseKitError, type ByteString, printable } from "@base-kit/core";

/** Linux gives up after so many. */
const LINKS_AT_MOST = 40;

/**
 * Where files come to be whose folder is a symbolic link that some package has: as in a chroot, within the tree however the link is
 * written. The result says so of any path; what the path itself is makes no difference.
 *
 * @param links targets by path
 * @throws BaseKitError `DEBIAN_LINK_LOOP` (verification)
 */
export function throughLinks(links: ReadonlyMap<ByteString, ByteString>): (path: ByteString) => ByteString {
  const known = new Map<ByteString, ByteString>([["" as ByteString, "" as ByteString]]);
  const folder = (path: ByteString): ByteString => {
    const found = known.get(path);
    if (found !== undefined) return found;
    const resolved = followed(path, path);
    known.set(path, resolved);
    return resolved;
  };
  const followed = (path: ByteString, asked: ByteString): ByteString => {
    const todo = path.split("/").reverse();
    let there: string[] = [];
    for (let hops = 0; todo.length > 0; ) {
      const name = todo.pop() as string;
      if (name === "" || name === ".") continue;
      if (name === "..") {
        there.pop();
        continue;
      }
      there.push(name);
      const target = links.get(there.join("/") as ByteString);
      if (target === undefined) continue;
      hops += 1;
      if (hops > LINKS_AT_MOST) throw loop(asked);
      if (target.startsWith("/")) there = [];
      else there.pop();
      todo.push(...target.split("/").reverse());
    }
    return there.join("/") as ByteString;
  };
  return (path) => {
    const slash = path.lastIndexOf("/");
    if (slash < 0) return path;
    const from = path.slice(0, slash) as ByteString;
    const to = folder(from);
    if (to === from) return path;
    return (to === "" ? path.slice(slash + 1) : `${to}${path.slice(slash)}`) as ByteString;
  };
}

function loop(path: ByteString): BaseKitError {
  return new BaseKitError("DEBIAN_LINK_LOOP", `the folder ${printable(`/${path}`)} is a link that leads nowhere`, {
    kind: "verification",
    hint: "These packages cannot be installed together. Nothing was written.",
  });
}
