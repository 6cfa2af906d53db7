import { execFileSync } from "node:child_process";
import { readFileSync, realpathSync } from "node:fs";
import type { DescribedDeb } from "./deb-repository.ts";

/**
 * This machine's own dpkg with what it needs, as the package `system`: real enough to configure others, and small; with `more`
 * programs. Needs `ldd`.
 */
export function hostSystemDeb(more: readonly string[] = []): DescribedDeb {
  const programs = [
    "sh",
    "dpkg",
    "dpkg-deb",
    "rm",
    "tar",
    "diff",
    "cat",
    "chmod",
    "mkdir",
    "mv",
    "ln",
    "sleep",
    "env",
    "chown",
    "stat",
    "find",
  ];
  const names = [...programs, ...more, "mount", "chroot", "ldconfig", "start-stop-daemon"];
  const paths = names.map((name) =>
    execFileSync("sh", ["-c", `PATH=$PATH:/usr/sbin:/sbin command -v ${name}`], { encoding: "utf8" }).trim(),
  );
  const libraries = execFileSync("ldd", paths, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  const found = [...libraries.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path ?? "");
  const files = [...paths, ...new Set(found)].map((path) => {
    const place = path.replace(/^\/(?!usr\/)/, "usr/").replace(/^\//, "");
    return [place, { content: readFileSync(realpathSync(path)), mode: 0o755 }] as const;
  });
  return {
    name: "system",
    files: {
      ...Object.fromEntries(files),
      ...Object.fromEntries(["bin/", "sbin/", "lib/", "lib64/", "etc/", "tmp/", "var/log/"].map((path) => [path, ""])),
      "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
      "etc/group": "root:x:0:\n",
    },
  };
}
