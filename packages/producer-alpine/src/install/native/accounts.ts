import { bytesFromText, type FileEntry } from "@base-kit/core";
import { entryAt, type NativeState, type Outcome, textAt, withEntries } from "./state.ts";

const NAME = /^[A-Za-z_][\w.-]{0,31}$/;
const NUMBER = /^\d{1,9}$/;
/** Numbers for system accounts, busybox `CONFIG_FIRST_SYSTEM_ID`, `CONFIG_LAST_SYSTEM_ID`. */
const SYSTEM = { first: 100, last: 999 };
const ORDINARY = { first: 1000, last: 60_000 };
const SECONDS_PER_DAY = 86_400;

/** `addgroup [-S] [-g GID] GROUP` and `addgroup USER GROUP`, as busybox does it. What it would refuse changes nothing. */
export async function addGroup(words: readonly string[], state: NativeState): Promise<Outcome> {
  const parsed = parseOptions(words, { flags: "S", values: "g" });
  const known = await readAccounts(state);
  if (parsed === undefined || known === undefined) return undefined;
  const { options, names } = parsed;
  const [first = "", second] = names;
  if (second !== undefined)
    return options.size === 0 ? addMember(state, known, { user: first, group: second }) : undefined;
  const { group } = known;
  const asked = options.get("g");
  if (asked !== undefined && !NUMBER.test(asked)) return undefined;
  const range = options.has("S") ? SYSTEM : ORDINARY;
  const gid = asked === undefined ? firstFree(group, range) : Number(asked);
  if (gid === undefined || lineOf(group, first) !== undefined || numbersOf(group).has(gid)) return state;
  return rewritten(state, "etc/group", `${group}${first}:x:${gid}:\n`);
}

/** `adduser -S -D -H …`: an account for a service. One with a home, or for a person, is left to busybox. */
export async function addUser(words: readonly string[], state: NativeState): Promise<Outcome> {
  const parsed = parseOptions(words, { flags: "SDH", values: "hsGgu" });
  const known = await readAccounts(state);
  if (parsed === undefined || known === undefined) return undefined;
  const { options, names } = parsed;
  const [name = ""] = names;
  if (names.length !== 1 || !["S", "D", "H"].every((flag) => options.has(flag))) return undefined;
  const { passwd, group, shadow } = known;
  const wanted = options.get("u");
  const texts = [options.get("g"), options.get("h"), options.get("s")].filter((each) => each !== undefined);
  if ((wanted !== undefined && !NUMBER.test(wanted)) || texts.some((text) => /[:\n]/.test(text))) return undefined;
  const uid = wanted === undefined ? firstFree(passwd, SYSTEM) : Number(wanted);
  const groupName = options.get("G") ?? "nogroup";
  const gid = lineOf(group, groupName)?.[2];
  const isTaken = uid === undefined || lineOf(passwd, name) !== undefined || numbersOf(passwd).has(uid);
  if (gid === undefined || isTaken) return state;
  const home = options.get("h") ?? `/home/${name}`;
  const gecos = options.get("g") ?? "Linux User,,,";
  const line = `${name}:x:${uid}:${gid}:${gecos}:${home}:${options.get("s") ?? "/sbin/nologin"}\n`;
  const day = Math.floor(state.epoch / SECONDS_PER_DAY);
  const inPasswd = rewritten(state, "etc/passwd", `${passwd}${line}`);
  const inShadow = rewritten(inPasswd, "etc/shadow", `${shadow}${name}:!:${day}:0:99999:7:::\n`);
  const after = { ...known, passwd: `${passwd}${line}` };
  return addMember(inShadow, after, { user: name, group: groupName });
}

export async function groupNumber(state: NativeState, name: string): Promise<number | undefined> {
  const number = lineOf((await textAt(state, "etc/group")) ?? "", name)?.[2];
  return number !== undefined && NUMBER.test(number) ? Number(number) : undefined;
}

interface AccountFiles {
  readonly passwd: string;
  readonly group: string;
  readonly shadow: string;
}

/** Undefined where a file is missing, or there is one more to keep in step. */
async function readAccounts(state: NativeState): Promise<AccountFiles | undefined> {
  const read = async (name: string) => (await textAt(state, `etc/${name}`))?.replace(/(?<=[^\n])$/, "\n");
  const [passwd, group, shadow] = await Promise.all(["passwd", "group", "shadow"].map(read));
  if (passwd === undefined || group === undefined || shadow === undefined) return undefined;
  return entryAt(state, "etc/gshadow") === undefined ? { passwd, group, shadow } : undefined;
}

function addMember(
  state: NativeState,
  { passwd, group }: AccountFiles,
  { user, group: name }: { readonly user: string; readonly group: string },
): NativeState {
  const fields = lineOf(group, name);
  const members = (fields?.[3] ?? "").split(",").filter((each) => each !== "");
  if (fields === undefined || lineOf(passwd, user) === undefined || members.includes(user)) return state;
  const line = fields.with(3, [...members, user].join(",")).join(":");
  return rewritten(
    state,
    "etc/group",
    group.replace(`${fields.join(":")}\n`, () => `${line}\n`),
  );
}

/** As busybox's `update_passwd`: the file as it was stays beside the new one. */
function rewritten(state: NativeState, path: string, text: string): NativeState {
  const before = entryAt(state, path);
  if (before?.type !== "file") return state;
  const bytes = Buffer.from(text);
  const { xattrs: _, ...metadata } = before;
  const after: FileEntry = { ...metadata, mtime: state.epoch, size: bytes.length, content: () => [bytes] };
  return withEntries(state, [after, { ...before, path: bytesFromText(`${path}-`) }]);
}

function lineOf(text: string, name: string): readonly string[] | undefined {
  const fields = text.split("\n").map((line) => line.split(":"));
  return fields.find(([first, , number]) => first === name && number !== undefined);
}

function numbersOf(text: string): ReadonlySet<number> {
  return new Set(text.split("\n").map((line) => Number(line.split(":")[2] ?? Number.NaN)));
}

function firstFree(text: string, { first, last }: typeof SYSTEM): number | undefined {
  const taken = numbersOf(text);
  for (let number = first; number <= last; number++) if (!taken.has(number)) return number;
  return undefined;
}

interface ParsedOptions {
  readonly options: ReadonlyMap<string, string>;
  readonly names: readonly string[];
}

/** As getopt(3), for single letters; undefined for one that is not listed, or a name that is out of the ordinary. */
function parseOptions(
  words: readonly string[],
  { flags, values }: { readonly flags: string; readonly values: string },
): ParsedOptions | undefined {
  const options = new Map<string, string>();
  const names: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as string;
    if (!word.startsWith("-")) {
      names.push(word);
      continue;
    }
    for (let letterAt = 1; letterAt < word.length; letterAt++) {
      const letter = word[letterAt] as string;
      if (flags.includes(letter)) options.set(letter, "");
      else if (values.includes(letter)) {
        const value = letterAt + 1 < word.length ? word.slice(letterAt + 1) : words[++at];
        if (value === undefined) return undefined;
        options.set(letter, value);
        break;
      } else return undefined;
    }
  }
  const isUsual = names.length >= 1 && names.length <= 2 && names.every((name) => NAME.test(name));
  return isUsual ? { options, names } : undefined;
}
