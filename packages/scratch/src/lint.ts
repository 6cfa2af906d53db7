import { posix } from "node:path";
import {
  type ByteString,
  bytesFromText,
  type Entry,
  isBaseKitError,
  printable,
  type RuntimeConfig,
  textFromBytes,
} from "@base-kit/core";
import { closureOf, elfFiles, isElf, linkageOf, readSmallFile, resolvePath } from "@base-kit/elf";
import { readCaBundle } from "./ca-certificates.ts";
import { entriesRoot } from "./entries-root.ts";
import { shebangOf } from "./recognize-file.ts";
import { resolveShebang } from "./scripts.ts";

/** Something in an image that keeps it from working, or that it had better not have. */
export interface LintFinding {
  readonly rule: LintRule;
  readonly severity: "error" | "warning";
  readonly path: string;
  readonly message: string;
}

export type LintRule =
  | "missing-library"
  | "damaged-program"
  | "entrypoint"
  | "user"
  | "dangling-link"
  | "setuid"
  | "world-writable"
  | "private-key"
  | "accounts-link"
  | "ca-bundle";

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const BUNDLES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];
/** Filled when a container starts. */
const RUN_TIME = /^\/(?:dev|proc|sys|run|var\/run)(?:\/|$)/;
const KEY_AT_MOST = 64 * 1024;

/** Looks through an image's files without running any; the order is that of the files, what stops the image from starting first. */
export function lintRootfs(entries: readonly Entry[], runtime: RuntimeConfig): readonly LintFinding[] {
  const root = entriesRoot(entries);
  const findings: LintFinding[] = [...lintEntrypoint(root, runtime), ...lintUser(root, runtime)];
  const close = closureOf(elfFiles(root));
  const missing = new Map<string, LintFinding>();
  const basenames = new Set(entries.map(({ path }) => path.slice(path.lastIndexOf("/") + 1)));
  // There the linker is the C library, under whatever name.
  const isMusl = [...basenames].some((name) => name.startsWith("ld-musl-"));
  for (const entry of entries) {
    const path = `/${entry.path}` as ByteString;
    findings.push(...lintMode(entry, path));
    if (entry.type === "symlink") findings.push(...lintLink(root, path, entry.target));
    if (entry.type !== "file") continue;
    if (isPrivateKey(root, path, entry.size))
      findings.push(finding("private-key", "error", path, "is a private key: everyone who has the image can read it"));
    if (entry.size < 52 || !couldBeElf(entry.path, entry.mode)) continue;
    for (const [key, each] of lintElf(path)) {
      // What keeps a program from starting counts more than what a library alone seems to lack.
      if (!missing.has(key) || each.severity === "error") missing.set(key, each);
    }
  }
  function lintElf(path: ByteString): readonly (readonly [key: string, LintFinding])[] {
    if (!root.reading(path, (source) => isElf(source.read(0, 4)))) return [];
    try {
      const closure = close({ path });
      const isProgram = linkageOf(closure.program.elf) !== "library";
      if (isProgram && closure.interpreter !== undefined) return closure.missing.map(said);
      if (closure.missing.some(({ kind }) => kind === "interpreter")) return closure.missing.map(said);
      // A library alone does not say who loads it, and so not where it is searched for: what is nowhere is not found anywhere.
      return (closure.program.elf.dynamic?.needed ?? [])
        .filter((name) => !basenames.has(name.slice(name.lastIndexOf("/") + 1)))
        .filter((name) => !(isMusl && /^lib(?:c|pthread|rt|m|dl|util|xnet)\./.test(name)))
        .map((name) => [`${path} ${name}`, nowhere(path, name)] as const);
    } catch (error) {
      if (!isBaseKitError(error)) throw error;
      return [[path, finding("damaged-program", "warning", path, error.message)]];
    }
  }
  return [
    ...findings.filter(({ rule }) => rule === "entrypoint" || rule === "user"),
    ...missing.values(),
    ...lintAccounts(root),
    ...lintBundles(root),
    ...findings.filter(({ rule }) => rule !== "entrypoint" && rule !== "user"),
  ];
}

type Root = ReturnType<typeof entriesRoot>;

function said({
  kind,
  name,
  version,
  neededBy,
}: {
  readonly kind: string;
  readonly name: ByteString;
  readonly version?: ByteString;
  readonly neededBy: ByteString;
}): readonly [key: string, LintFinding] {
  const what =
    version === undefined
      ? `the ${kind} ${printable(name)}, which is not in the image`
      : `${printable(version)} of ${printable(name)}, which that does not have`;
  return [
    `${neededBy} ${name} ${version ?? ""}`.trimEnd(),
    finding("missing-library", "error", neededBy, `needs ${what}`),
  ];
}

function nowhere(path: ByteString, name: ByteString): LintFinding {
  const message = `needs the library ${printable(name)}, which is nowhere in the image`;
  return finding("missing-library", "warning", path, message);
}

function lintEntrypoint(
  root: Root,
  { entrypoint = [], cmd = [], workdir = "/", env = {} }: RuntimeConfig,
): readonly LintFinding[] {
  const [program] = [...entrypoint, ...cmd];
  if (program === undefined) return [];
  const places = program.includes("/")
    ? [posix.resolve("/", workdir, program)]
    : (env["PATH"] ?? DEFAULT_PATH).split(":").map((folder) => posix.resolve("/", workdir, folder, program));
  const found = places
    .map((place) => resolvePath(root, bytesFromText(place)))
    .find((each) => each?.node.type === "file");
  const path = bytesFromText(program);
  if (found === undefined) return [finding("entrypoint", "error", path, "would be started, and is not in the image")];
  if ((found.node.mode & 0o111) === 0)
    return [finding("entrypoint", "error", path, "would be started, and is not executable")];
  return lintScript(root, found.path, path);
}

function lintScript(root: Root, file: ByteString, path: ByteString): readonly LintFinding[] {
  const shebang = shebangOf(root.reading(file, (source) => Buffer.from(source.read(0, Math.min(256, source.size)))));
  if (shebang === undefined) return [];
  try {
    resolveShebang(shebang, { file: textFromBytes(path), root });
    return [];
  } catch (error) {
    if (!isBaseKitError(error)) throw error;
    return [
      finding("entrypoint", "error", path, "would be started, and is a script for which the image has no interpreter"),
    ];
  }
}

function lintUser(root: Root, { user = "" }: RuntimeConfig): readonly LintFinding[] {
  const [name = "", group = ""] = user.split(":");
  const check = (wanted: string, file: string): readonly LintFinding[] => {
    if (wanted === "") return [];
    const text = readSmallFile(root, bytesFromText(file))?.toString("latin1") ?? "";
    const fields = text.split("\n").map((line) => line.split(":"));
    const isNumber = /^\d+$/.test(wanted);
    if (fields.some(([first, , id]) => first === wanted || (isNumber && id === wanted))) return [];
    return [
      finding(
        "user",
        isNumber ? "warning" : "error",
        bytesFromText(file),
        `has no entry for ${printable(wanted)}, as which a container would run`,
      ),
    ];
  };
  return [...check(name, "/etc/passwd"), ...check(group, "/etc/group")];
}

function lintMode({ type, mode }: Entry, path: ByteString): readonly LintFinding[] {
  if (type === "file" && (mode & 0o6000) !== 0)
    return [
      finding(
        "setuid",
        "warning",
        path,
        (mode & 0o4000) !== 0
          ? "is setuid: whoever starts it gets the rights of its owner"
          : "is setgid: whoever starts it gets the rights of its group",
      ),
    ];
  if ((type === "file" && (mode & 0o002) !== 0) || (type === "directory" && (mode & 0o1002) === 0o002))
    return [finding("world-writable", "warning", path, "can be changed by every user of the container")];
  return [];
}

function lintLink(root: Root, path: ByteString, target: ByteString): readonly LintFinding[] {
  const end = target.startsWith("/") ? target : posix.normalize(`${posix.dirname(path)}/${target}`);
  if (RUN_TIME.test(end) || resolvePath(root, path) !== undefined) return [];
  return [finding("dangling-link", "warning", path, `leads to ${printable(target)}, which is not there`)];
}

function lintAccounts(root: Root): readonly LintFinding[] {
  return ["/etc/passwd", "/etc/group"].flatMap((path) =>
    root.node(bytesFromText(path))?.type === "symlink"
      ? [
          finding(
            "accounts-link",
            "warning",
            bytesFromText(path),
            "is a symbolic link: tools that add users do not follow it, Kubernetes refuses it",
          ),
        ]
      : [],
  );
}

function lintBundles(root: Root): readonly LintFinding[] {
  return BUNDLES.flatMap((path) => {
    const bytes =
      resolvePath(root, bytesFromText(path)) === undefined ? undefined : readSmallFile(root, bytesFromText(path));
    if (bytes === undefined) return [];
    try {
      readCaBundle(bytes, path, { clock: { now: () => 0, monotonicMs: () => 0 } });
      return [];
    } catch (error) {
      if (!isBaseKitError(error)) throw error;
      return [finding("ca-bundle", "error", bytesFromText(path), error.message)];
    }
  });
}

const KEY = /^-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----|^PuTTY-User-Key-File-/;

/** Any file that begins as a key; where the name speaks of one, also after something else, such as its certificate. */
function isPrivateKey(root: Root, path: ByteString, size: number): boolean {
  if (size > KEY_AT_MOST || size < 64) return false;
  const head = root.reading(path, (source) => Buffer.from(source.read(0, 64)).toString("latin1"));
  if (KEY.test(head)) return true;
  if (!/(?:\.(?:pem|key|p8)|_key|\/id_[a-z0-9]+)$/.test(path)) return false;
  const bytes = readSmallFile(root, path, KEY_AT_MOST);
  return bytes !== undefined && new RegExp(KEY, "m").test(bytes.toString("latin1"));
}

function couldBeElf(path: ByteString, mode: number): boolean {
  return (mode & 0o111) !== 0 || /\.so(?:\.|$)/.test(path);
}

function finding(rule: LintRule, severity: LintFinding["severity"], path: ByteString, message: string): LintFinding {
  return { rule, severity, path: textFromBytes(path), message };
}
