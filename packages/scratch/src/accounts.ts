import { BaseKitError, printable, type RuntimeConfig } from "@base-kit/core";
import { readSmallFile, type SearchRoot } from "@base-kit/elf";

/** An account of the image. */
interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

const ROOT: Account = { name: "root", uid: 0, gid: 0 };
const NOBODY: Account = { name: "nobody", uid: 65534, gid: 65534 };
/** As in distroless images, so that volumes and policies made for those fit. */
const NONROOT = 65532;

/** `/etc/passwd` and `/etc/group` with root, nobody, and the user that was asked for. */
export function accountFiles(
  runtime: RuntimeConfig,
  root: SearchRoot,
): { readonly passwd: string; readonly group: string } {
  const accounts = [ROOT, ...userAccounts(runtime.user, root), NOBODY].filter(
    ({ name, uid }, index, all) => all.findIndex((each) => each.name === name || each.uid === uid) === index,
  );
  const groups = new Map<string, number>(accounts.map(({ name, gid }) => [name === "nobody" ? "nogroup" : name, gid]));
  const [, group] = (runtime.user ?? "").split(":");
  if (group !== undefined && !isNumber(group) && !groups.has(group)) groups.set(group, knownGroup(group, root));
  return {
    passwd: accounts.map(passwdLine).join(""),
    group: [...groups].map(([name, gid]) => `${name}:x:${gid}:\n`).join(""),
  };
}

/** Whether the user can only be found with an account of its own. */
export function needsAccount({ user = "" }: RuntimeConfig): boolean {
  return user !== "" && !user.split(":").every(isNumber);
}

function userAccounts(user = "", root: SearchRoot): readonly Account[] {
  const [name = "", group] = user.split(":");
  if (name === "" || name === "root") return [];
  const gid = group !== undefined && isNumber(group) ? Number(group) : undefined;
  if (isNumber(name)) {
    const uid = Number(name);
    return uid === 0 || uid === NOBODY.uid ? [] : [{ name: "nonroot", uid, gid: gid ?? uid }];
  }
  if (!/^[a-z_][a-z0-9_.-]{0,31}$/i.test(name)) throw badName(name);
  if (name === "nobody") return [];
  const known = lineOf(root, "/etc/passwd", name);
  const uid = Number(known?.[2] ?? NONROOT);
  return [{ name, uid, gid: gid ?? Number(known?.[3] ?? uid) }];
}

function knownGroup(name: string, root: SearchRoot): number {
  if (!/^[a-z_][a-z0-9_.-]{0,31}$/i.test(name)) throw badName(name);
  return Number(lineOf(root, "/etc/group", name)?.[2] ?? NONROOT);
}

/** The fields of an account of the root, when they are sound. */
function lineOf(root: SearchRoot, path: string, name: string): readonly string[] | undefined {
  const text = readSmallFile(root, path as Parameters<typeof readSmallFile>[1], 1024 ** 2)?.toString("latin1") ?? "";
  const fields = text
    .split("\n")
    .map((line) => line.split(":"))
    .find(([first]) => first === name);
  return fields !== undefined && isNumber(fields[2] ?? "") ? fields : undefined;
}

function passwdLine({ name, uid, gid }: Account): string {
  const home = uid === 0 ? "/root" : name === "nobody" ? "/nonexistent" : "/";
  return `${name}:x:${uid}:${gid}:${name}:${home}:/sbin/nologin\n`;
}

function isNumber(text: string): boolean {
  return /^\d{1,10}$/.test(text);
}

function badName(name: string): BaseKitError {
  return new BaseKitError("SCRATCH_RUNTIME", `the user ${printable(name)} cannot have an account`, {
    kind: "usage",
    hint: "A name has letters, digits, - and _; or write numbers, such as 65532:65532.",
  });
}
