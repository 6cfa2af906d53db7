import { createHash } from "node:crypto";
import type { Entry, FileEntry } from "@base-kit/core";
import { fileEntry } from "@base-kit/rootfs";
import type { LockedPackage } from "../lock.ts";
import { field } from "../unpack/paragraph.ts";
import type { NamedPackage, Tree } from "../unpack/tree.ts";
import { statusParagraph } from "./status.ts";
import { triggerFiles } from "./triggers.ts";

export interface DatabaseOptions {
  readonly lost: Tree["lost"];
  /** Seconds since 1970, for what has no time of its own. */
  readonly epoch: number;
}

const FOLDER = "var/lib/dpkg";

/** The files of dpkg's database as they are when all packages have been unpacked and none has been configured. */
export function dpkgDatabase(
  packages: readonly { readonly named: NamedPackage; readonly locked: LockedPackage }[],
  { lost, epoch }: DatabaseOptions,
): readonly Entry[] {
  const files: FileEntry[] = [];
  const write = (
    path: string,
    text: string | Buffer,
    options: { readonly mode?: number; readonly mtime?: number } = {},
  ) => {
    files.push(fileEntry(`${FOLDER}/${path}`, text, { mtime: epoch, ...options }));
  };
  write(
    "status",
    packages
      .map(
        ({ named, locked }) =>
          `${statusParagraph(named.paragraph, named.contents, { priority: locked.priority, section: locked.section })}\n`,
      )
      .join(""),
  );
  write("available", "");
  write("info/format", "1\n");
  write("lock", "", { mode: 0o640 });
  write("lock-frontend", "", { mode: 0o640 });
  write("triggers/Lock", "", { mode: 0o600 });
  for (const [name, text] of triggerFiles(packages.map(({ named }) => ({ ...named, name: infoName(named) })))) {
    write(`triggers/${name}`, text);
  }
  for (const { named } of packages) {
    const name = infoName(named);
    write(`info/${name}.list`, fileList(named, lost.get(named)));
    for (const { name: kind, mode, mtime, base64 } of named.contents.controlFiles) {
      write(`info/${name}.${kind}`, Buffer.from(base64, "base64"), { mode, mtime });
    }
  }
  return files;
}

/** Several of the same name can be installed side by side when they are for different machines: `libc6:amd64`. */
export function infoName({ name, paragraph }: NamedPackage): string {
  const isSame = field(paragraph, "Multi-Arch") === "same";
  return isSame ? `${name}:${field(paragraph, "Architecture") ?? ""}` : name;
}

/** Every path as the package has it; the root is `/.`. */
function fileList({ contents }: NamedPackage, lost: ReadonlySet<string> | undefined): Buffer {
  const lines = contents.members
    .map(({ path }) => (path === "" ? "/." : `/${path}`))
    .filter((path) => !lost?.has(path));
  return Buffer.from(lines.map((line) => `${line}\n`).join(""), "latin1");
}

/** What every entry of the database follows from. */
export function databaseKey(entries: readonly Entry[]): string {
  const hash = createHash("sha256");
  for (const entry of entries) {
    hash.update(`${entry.path}\0${entry.mode}\0${entry.mtime}\0`);
    if (entry.type === "file") for (const chunk of entry.content() as Iterable<Uint8Array>) hash.update(chunk);
  }
  return `dpkg-database:sha256:${hash.digest("hex")}`;
}
