import type { UnpackedPackage } from "../unpack/unpacked.ts";

/** The files of `/var/lib/dpkg/triggers` by name: who is interested in which path or name, deb-triggers(5). */
export function triggerFiles(
  packages: readonly { readonly name: string; readonly contents: UnpackedPackage }[],
): ReadonlyMap<string, string> {
  const paths: string[] = [];
  const named = new Map<string, string[]>();
  for (const { name, contents } of packages) {
    const file = contents.controlFiles.find((each) => each.name === "triggers");
    if (file === undefined) continue;
    for (const line of Buffer.from(file.base64, "base64").toString("utf8").split("\n")) {
      const [, noawait, trigger] = /^\s*interest(?:(-noawait)|-await)?\s+(\S+)\s*(?:#.*)?$/.exec(line) ?? [];
      if (trigger === undefined) continue;
      const who = `${name}${noawait === undefined ? "" : "/noawait"}`;
      if (trigger.startsWith("/")) paths.push(`${trigger} ${who}\n`);
      else named.set(trigger, [...(named.get(trigger) ?? []), `${who}\n`]);
    }
  }
  const files = new Map([...named].map(([trigger, lines]) => [trigger, lines.join("")]));
  files.set("File", paths.join(""));
  files.set("Unincorp", "");
  return files;
}
