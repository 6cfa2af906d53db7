import {
  BaseKitError,
  type ByteString,
  bytesFromText,
  type Context,
  printable,
  type RuntimeConfig,
} from "@base-kit/core";
import { resolvePath, type SearchRoot } from "@base-kit/elf";
import { accountFiles, needsAccount } from "./accounts.ts";
import { addCaCertificates } from "./add-ca-certificates.ts";
import { bytesOf } from "./copy-file.ts";
import type { ImageTree } from "./image-tree.ts";
import { cacheEvidence, placeLdSoCache } from "./linker-cache.ts";
import { addLocales, localeEvidence } from "./locales.ts";
import type { Closures } from "./needs.ts";
import type { Feature, ScratchOptions } from "./options.ts";

/** Something that was added though no ELF file asks for it. */
export interface Addition {
  readonly feature: string;
  /** Why: who uses it, or who asked. */
  readonly evidence: string;
  /** Bytes that it brought. */
  readonly size: number;
}

export interface FeatureInput {
  readonly root: SearchRoot;
  readonly tree: ImageTree;
  readonly closures: Closures;
  readonly runtime: RuntimeConfig;
  readonly options: ScratchOptions;
  readonly context: Context;
}

interface FeatureRule {
  readonly name: Feature;
  evidence(input: FeatureInput): string | undefined;
  add(input: FeatureInput): void | Promise<void>;
}

const uses = (input: FeatureInput, names: readonly string[]) => input.closures.whoNames(names);
const loads = (input: FeatureInput, pattern: RegExp) => input.closures.whoLoads(pattern);

/** In this order; each adds what it finds and leaves out what the root does not have. */
const RULES: readonly FeatureRule[] = [
  {
    name: "ca-certificates",
    evidence: (input) => {
      if (input.options.caCertificates === "none") return undefined;
      if (input.options.caCertificates !== undefined) return "asked for";
      return (
        loads(input, /^lib(?:ssl|gnutls|curl|curl-gnutls|nss3|mbedtls|wolfssl)\.so/) ??
        input.closures.whoContains("certificates")
      );
    },
    add: addCaCertificates,
  },
  {
    name: "nss",
    evidence: (input) =>
      uses(input, ["getaddrinfo", "gethostbyname", "getpwnam", "getpwuid", "getpwnam_r", "getpwuid_r", "getgrnam"]),
    add: addNss,
  },
  {
    name: "accounts",
    evidence: (input) => {
      if (needsAccount(input.runtime)) return `the user ${printable(input.runtime.user ?? "")}`;
      return uses(input, ["getpwnam", "getpwuid", "getpwnam_r", "getpwuid_r", "getlogin"]);
    },
    add: ({ runtime, root, tree }) => {
      const { passwd, group } = accountFiles(runtime, root);
      tree.offer("/etc/passwd", { ...bytesOf(passwd), mode: 0o644, mtime: 0 });
      tree.offer("/etc/group", { ...bytesOf(group), mode: 0o644, mtime: 0 });
    },
  },
  {
    name: "tmp",
    evidence: (input) =>
      uses(input, ["mkstemp", "mkstemp64", "mkdtemp", "mkostemp", "mkostemp64", "mkstemps", "tmpfile", "tmpfile64"]),
    add: ({ tree }) => tree.folder("/tmp", 0o1777),
  },
  {
    name: "tzdata",
    evidence: (input) =>
      input.closures.whoContains("time zones") ??
      (input.runtime.env?.["TZ"] === undefined ? undefined : "the variable TZ"),
    add: async ({ tree }) => {
      await tree.take(at("/usr/share/zoneinfo"), (path) => !/^(?:right|posix)(?:\/|$)|\.list$|leapseconds/.test(path));
      await tree.take(at("/etc/localtime"));
    },
  },
  {
    name: "terminfo",
    evidence: (input) => loads(input, /^lib(?:tinfo|ncursesw?)\.so/),
    add: async ({ tree }) => {
      for (const name of TERMINALS) {
        for (const folder of ["/lib/terminfo", "/usr/share/terminfo", "/etc/terminfo"])
          await tree.take(at(`${folder}/${name[0]}/${name}`));
      }
    },
  },
  {
    name: "gconv",
    // The C++ library has it for a template that hardly anyone uses.
    evidence: (input) => input.closures.whoNames(["iconv_open"], /^libstdc\+\+\.so/),
    add: async (input) => {
      for (const folder of input.closures.libcFolders()) {
        await input.closures.takePlugins(`${folder}/gconv`, (path) => GCONV.test(path));
      }
    },
  },
  {
    name: "openssl",
    evidence: (input) => loads(input, /^libcrypto\.so/),
    add: async (input) => {
      for (const path of ["/usr/lib/ssl/openssl.cnf", "/etc/ssl/openssl.cnf", "/etc/pki/tls/openssl.cnf"])
        await input.tree.take(at(path));
      for (const folder of input.closures.libcFolders()) await input.closures.takePlugins(`${folder}/ossl-modules`);
    },
  },
  { name: "locale", evidence: localeEvidence, add: addLocales },
  { name: "ld.so.cache", evidence: (input) => cacheEvidence(input.closures), add: placeLdSoCache },
];

/** Those that people sit at, or that run inside one they sit at. */
const TERMINALS = [
  "xterm",
  "xterm-256color",
  "xterm-color",
  "xterm-kitty",
  "alacritty",
  "foot",
  "konsole",
  "linux",
  "screen",
  "screen-256color",
  "tmux",
  "tmux-256color",
  "vt100",
  "vt102",
  "vt220",
  "ansi",
  "dumb",
  "rxvt",
  "rxvt-unicode",
  "rxvt-unicode-256color",
];

/** What texts of the last decades are written in; the whole folder has also what mainframes use. */
const GCONV =
  /^(?:gconv-modules(?:\.cache|\.d(?:\/.*)?)?|(?:UTF-(?:7|16|32)|UNICODE|ISO8859-\d+|CP(?:125\d|932)|KOI8-\w+|IBM(?:437|850)|MACINTOSH|TIS-620|SJIS|EUC-(?:JP|KR|CN)|ISO-2022-JP|UHC|GBK|GB18030|BIG5)\.so)$/;

/** Adds what there is evidence for or was asked for, and tells which it was. */
export async function addFeatures(input: FeatureInput): Promise<readonly Addition[]> {
  const { options, tree, root } = input;
  const additions: Addition[] = [];
  const measured = async (feature: string, evidence: string, add: () => void | Promise<void>) => {
    const before = sizeOf(tree);
    await add();
    additions.push({ feature, evidence, size: sizeOf(tree) - before });
  };
  // What is asked for by its path counts more than what is made up in its place.
  for (const path of (options.with ?? []).filter((each) => each.startsWith("/"))) {
    await measured(path, "asked for", async () => {
      requireCopyable(path, root);
      await input.closures.takePlugins(path);
    });
  }
  for (const rule of RULES) {
    const isAsked = options.with?.includes(rule.name) === true;
    if (options.without?.includes(rule.name) === true) continue;
    const evidence = isAsked ? "asked for" : rule.evidence(input);
    if (evidence !== undefined) await measured(rule.name, evidence, () => rule.add(input));
  }
  return additions;
}

function sizeOf({ items }: ImageTree): number {
  let size = 0;
  for (const item of items.values()) if (item.type === "file") size += item.size;
  return size;
}

/** Names are looked up in files and by DNS. From glibc 2.34 on libc does both itself, before it opens a library for each. */
async function addNss({ tree, closures }: FeatureInput): Promise<void> {
  tree.offer("/etc/nsswitch.conf", {
    ...bytesOf("passwd: files\ngroup: files\nhosts: files dns\n"),
    mode: 0o644,
    mtime: 0,
  });
  for (const folder of closures.libcFolders()) {
    for (const name of ["libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2"])
      await closures.takePlugins(`${folder}/${name}`);
  }
}

function at(path: string): ByteString {
  return bytesFromText(path);
}

function requireCopyable(path: string, root: SearchRoot): void {
  const found = resolvePath(root, bytesFromText(path));
  const where = root.name === "" ? "" : ` in ${printable(root.name)}`;
  if (found === undefined)
    throw unusable(`${printable(path)}, which was asked for, does not exist${where}`, "Check the path.");
  if (/^\/(?:dev|proc|sys)(?:\/|$)/.test(found.path)) {
    const what = `${printable(path)}, which was asked for, cannot be in an image: the engine fills that folder when a container starts`;
    throw unusable(what, "Leave it out.");
  }
  if (found.node.type === "other")
    throw unusable(
      `${printable(path)}, which was asked for, is a device, a socket or a named pipe${where}`,
      "Name a file or a folder.",
    );
}

function unusable(message: string, advice: string): BaseKitError {
  return new BaseKitError("SCRATCH_WITH", message, { kind: "usage", hint: `${advice} Nothing was written.` });
}
