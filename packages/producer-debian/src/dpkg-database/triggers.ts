import { printable } from "@base-kit/core";
import { refuseDeb } from "../unpack/refuse.ts";
import type { UnpackedPackage } from "../unpack/unpacked.ts";

/** A name becomes that of a file. Source: dpkg 1.21, lib/dpkg/trigname.c and `trig_classify_byname`. */
const TRIGGER = /^(?:\/[\x21-\x7e]*|[A-Za-z0-9][A-Za-z0-9+.-]*)$/;

/** The files of `/var/lib/dpkg/triggers` by name: who is interested in which path or name, deb-triggers(5). @throws BaseKitError `DEB_INVALID` (verification) */
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
      if (!TRIGGER.test(trigger)) refuseDeb(name, `it waits for ${printable(trigger)}, which is no trigger`);
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
