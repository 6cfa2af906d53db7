import type { Entry } from "@base-kit/core";
import { fileEntry } from "@base-kit/rootfs";
import { type Dependency, formatDependency } from "../apk/dependency.ts";
import { compareNames, type InstalledStanza, withoutFiles } from "../apk/installed-database.ts";
import { installedStanza } from "../apk/installed-stanza.ts";
import { type KeptScript, SCRIPT_KINDS, scriptsArchive } from "../apk/scripts-archive.ts";
import type { Accounts } from "./accounts.ts";
import { type LaidOut, type NewPackage, ownedBy } from "./lay-out.ts";

export interface DatabaseParts {
  /** Packages that were there and stay. */
  readonly kept: readonly InstalledStanza[];
  /** Their scripts and the lines of their triggers. */
  readonly keptScripts: readonly KeptScript[];
  readonly keptTriggers: readonly string[];
  /** In their order of installation. */
  readonly added: readonly NewPackage[];
  readonly lost: LaidOut["lost"];
  readonly accounts: Accounts;
  readonly world: readonly Dependency[];
  /** Alpine's name. */
  readonly architecture: string;
  /** Seconds since 1970. */
  readonly epoch: number;
}

const FOLDER = "lib/apk/db";

/** The files that apk writes after an installation, apk-tools 2.14 `apk_db_write_config`. */
export function apkDatabase(parts: DatabaseParts): readonly Entry[] {
  const { kept, keptScripts, keptTriggers, added, world, architecture, epoch } = parts;
  const { lost } = parts;
  const stanzas = [
    ...kept.map(({ info, text }) => ({ name: info.name, text: shortened(text, lost.get(info.name)) })),
    ...added.map((each) => ({ name: each.contents.info.name, text: stanzaOf(each, parts) })),
  ].sort((a, b) => compareNames(a.name, b.name));
  const triggers = [
    ...keptTriggers,
    ...added
      .filter(({ contents }) => contents.info.triggers.length > 0)
      .map(({ checksum, contents }) => `${[checksum, ...contents.info.triggers].join(" ")}\n`),
  ];
  const sortedWorld = [...world].sort((a, b) => compareNames(a.name, b.name));
  const options = { mtime: epoch };
  return [
    fileEntry("etc/apk/world", sortedWorld.map((each) => `${formatDependency(each)}\n`).join(""), options),
    fileEntry("etc/apk/arch", `${architecture}\n`, options),
    fileEntry(`${FOLDER}/installed`, Buffer.from(stanzas.map(({ text }) => text).join(""), "latin1"), options),
    fileEntry(`${FOLDER}/lock`, "", { ...options, mode: 0o600 }),
    fileEntry(`${FOLDER}/scripts.tar`, scriptsArchive([...keptScripts, ...added.flatMap(scriptsOf)]), options),
    fileEntry(`${FOLDER}/triggers`, triggers.join(""), options),
  ];
}

function stanzaOf(
  { contents, architecture, checksum, size, tag }: NewPackage,
  { lost, accounts }: DatabaseParts,
): string {
  const taken = lost.get(contents.info.name);
  const members = contents.members.map((member) => ownedBy(member, accounts));
  return installedStanza(
    { ...contents, members },
    {
      architecture,
      checksum,
      size,
      ...(tag === undefined ? {} : { tag }),
      ...(taken === undefined ? {} : { lost: taken }),
    },
  );
}

function shortened(text: string, lost: ReadonlySet<string> | undefined): string {
  return lost === undefined ? text : withoutFiles(text, lost);
}

function scriptsOf({ contents: { info, scripts }, checksum }: NewPackage): readonly KeptScript[] {
  return SCRIPT_KINDS.filter((kind) => scripts[kind] !== undefined).map((kind) => ({
    name: `${info.name}-${info.version}.${checksum}.${kind}`,
    content: Buffer.from(scripts[kind] as string, "base64"),
    mtime: Number(info.fields["t"] ?? 0),
  }));
}
