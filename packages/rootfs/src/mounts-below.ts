import { lstat, readFile, realpath } from "node:fs/promises";
import { relative } from "node:path";
import { type Context, printable } from "@base-kit/core";

/** Mount points, as paths relative to the directory. */
export interface Mounts {
  readonly directories: readonly string[];
  /** A single file can be mounted too, as engines do with /etc/resolv.conf; what it covers cannot be seen. */
  readonly files: readonly string[];
}

/** What is mounted below a directory, without what lies in another mount; the list of the kernel, proc(5) "mountinfo". */
export async function mountsBelow(directory: string): Promise<Mounts> {
  const table = await readFile("/proc/self/mountinfo", "utf8").catch(() => "");
  const path = await realpath(directory);
  const prefix = path === "/" ? "/" : `${path}/`;
  const points = table
    .split("\n")
    .map((line) => withoutEscapes(line.split(" ")[4] ?? ""))
    .filter((point) => point !== path && point.startsWith(prefix));
  const directories: string[] = [];
  const files: string[] = [];
  for (const point of [...new Set(points)].sort()) {
    if (directories.some((other) => point.startsWith(`${prefix}${other}/`))) continue;
    const isDirectory = await lstat(point).then(
      (found) => found.isDirectory(),
      () => true,
    );
    (isDirectory ? directories : files).push(relative(path, point));
  }
  return { directories, files };
}

export function noteMounts({ directories, files }: Mounts, { reporter }: Pick<Context, "reporter">): void {
  const all = [...directories, ...files].sort();
  if (all.length === 0) return;
  const shown = all.slice(0, 8).map((point) => printable(`/${point}`));
  const more = all.length > shown.length ? ` and ${all.length - shown.length} more` : "";
  reporter.emit({ type: "noted", message: `left out, because it is mounted there: ${shown.join(", ")}${more}` });
}

function withoutEscapes(field: string): string {
  return field.replace(/\\(\d{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)));
}
