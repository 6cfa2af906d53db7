import { execFileSync } from "node:child_process";
import { join } from "node:path";

/** The oldest that base-kit runs on, and another for who has that one. */
const RELEASES = ["20.19.0", "24.21.0"] as const;

/** A Node of another major version than this one, from npm (of its cache, the second time), in a folder that the caller removes. */
export function fetchOtherNode(folder: string): string {
  const [oldest, other] = RELEASES;
  const release = process.version.startsWith("v20.") ? other : oldest;
  const name = `node-${process.platform}-${process.arch}@${release}`;
  const packed = execFileSync("npm", ["pack", name, "--prefer-offline", "--silent"], { cwd: folder, encoding: "utf8" });
  execFileSync("tar", ["-xzf", packed.trim(), "package/bin/node"], { cwd: folder });
  return join(folder, "package/bin/node");
}
