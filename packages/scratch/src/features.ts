import { readFileSync } from "node:fs";
import {
  BaseKitError,
  type ByteString,
  bytesFromText,
  type Context,
  printable,
  type RuntimeConfig,
  systemErrorCode,
} from "@base-kit/core";
import { readSmallFile, resolvePath, type SearchRoot } from "@base-kit/elf";
import { accountFiles, needsAccount } from "./accounts.ts";
import { type CaBundle, readCaBundle } from "./ca-certificates.ts";
import { bytesOf } from "./copy-file.ts";
import type { ImageTree } from "./image-tree.ts";
import { cacheEvidence, placeLdSoCache } from "./linker-cache.ts";
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
  add(input: FeatureInput): void;
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
    add: ({ tree }) => {
      tree.take(at("/usr/share/zoneinfo"), (path) => !/^(?:right|posix)(?:\/|$)|\.list$|leapseconds/.test(path));
      tree.take(at("/etc/localtime"));
    },
  },
  {
    name: "terminfo",
    evidence: (input) => loads(input, /^lib(?:tinfo|ncursesw?)\.so/),
    add: ({ tree }) => {
      for (const name of TERMINALS) {
        for (const folder of ["/lib/terminfo", "/usr/share/terminfo", "/etc/terminfo"])
          tree.take(at(`${folder}/${name[0]}/${name}`));
      }
    },
  },
  {
    name: "gconv",
    evidence: (input) => uses(input, ["iconv_open"]),
    add: (input) => {
      for (const folder of input.closures.libcFolders()) {
        input.closures.takePlugins(`${folder}/gconv`, (path) =>
          /^(?:gconv-modules(?:\.cache|\.d(?:\/.*)?)?|(?:UTF-16|UTF-32|UTF-7|UNICODE|ISO8859-(?:1|15)|CP125[0-9]|SJIS|EUC-JP|GB18030|BIG5)\.so)$/.test(
            path,
          ),
        );
      }
    },
  },
  {
    name: "openssl",
    evidence: (input) => loads(input, /^libcrypto\.so/),
    add: (input) => {
      for (const path of ["/usr/lib/ssl/openssl.cnf", "/etc/ssl/openssl.cnf", "/etc/pki/tls/openssl.cnf"])
        input.tree.take(at(path));
      for (const folder of input.closures.libcFolders()) input.closures.takePlugins(`${folder}/ossl-modules`);
    },
  },
  {
    name: "locale",
    evidence: ({ runtime: { env = {} } }) => {
      const name = ["LC_ALL", "LC_CTYPE", "LANG"].find(
        (each) => env[each] !== undefined && !/^(?:C|POSIX|C\.UTF-?8)$/i.test(env[each]),
      );
      return name === undefined ? undefined : `the variable ${name}=${printable(env[name] ?? "")}`;
    },
    add: ({ tree }) => {
      tree.take(at("/usr/lib/locale"));
      tree.take(at("/usr/share/i18n/locales/C"));
    },
  },
  { name: "ld.so.cache", evidence: (input) => cacheEvidence(input.closures), add: placeLdSoCache },
];

const TERMINALS = [
  "xterm",
  "xterm-256color",
  "linux",
  "screen",
  "screen-256color",
  "tmux",
  "tmux-256color",
  "vt100",
  "vt220",
  "ansi",
  "dumb",
  "rxvt",
];

/** Adds what there is evidence for or was asked for, and tells which it was. */
export function addFeatures(input: FeatureInput): readonly Addition[] {
  const { options, tree, root } = input;
  const additions: Addition[] = [];
  const measured = (feature: string, evidence: string, add: () => void) => {
    const before = sizeOf(tree);
    add();
    additions.push({ feature, evidence, size: sizeOf(tree) - before });
  };
  // What is asked for by its path counts more than what is made up in its place.
  for (const path of (options.with ?? []).filter((each) => each.startsWith("/"))) {
    measured(path, "asked for", () => {
      if (resolvePath(root, bytesFromText(path)) === undefined) throw notThere(path, root);
      input.closures.takePlugins(path);
    });
  }
  for (const rule of RULES) {
    const isAsked = options.with?.includes(rule.name) === true;
    if (options.without?.includes(rule.name) === true) continue;
    const evidence = isAsked ? "asked for" : rule.evidence(input);
    if (evidence !== undefined) measured(rule.name, evidence, () => rule.add(input));
  }
  return additions;
}

function sizeOf({ items }: ImageTree): number {
  let size = 0;
  for (const item of items.values()) if (item.type === "file") size += item.size;
  return size;
}

/** Where the certificates of a system are, by how common it is; the first that is there is taken. */
const BUNDLES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

function addCaCertificates({ root, tree, options, context, closures }: FeatureInput): void {
  const { caCertificates: choice = "system" } = options;
  const bundle = typeof choice === "object" ? fileBundle(choice.file, context) : systemBundle(root, context);
  if (bundle === undefined) {
    if (options.caCertificates === "system" || options.with?.includes("ca-certificates")) throw noBundle(root);
    context.reporter.emit({
      type: "warned",
      code: "SCRATCH_NO_CA",
      message: `${closures.whoLoads(/^lib(?:ssl|gnutls|curl)/) ?? "a program"} uses TLS, and ${root.name === "" ? "this machine" : printable(root.name)} has no CA certificates to take along`,
    });
    return;
  }
  for (const subject of bundle.expired) {
    context.reporter.emit({
      type: "warned",
      code: "SCRATCH_CA_EXPIRED",
      message: `a CA certificate has expired: ${printable(subject)}`,
    });
  }
  tree.offer("/etc/ssl/certs/ca-certificates.crt", { ...bytesOf(bundle.pem), mode: 0o644, mtime: 0 });
  tree.link("/etc/ssl/cert.pem", "certs/ca-certificates.crt");
  // Where OpenSSL of Debian and of Fedora look by themselves.
  if (closures.whoLoads(/^libcrypto\.so/) !== undefined) {
    tree.link("/usr/lib/ssl/certs", "/etc/ssl/certs");
    tree.link("/usr/lib/ssl/cert.pem", "/etc/ssl/certs/ca-certificates.crt");
    tree.link("/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt");
  }
}

function systemBundle(root: SearchRoot, context: Context): CaBundle | undefined {
  for (const path of BUNDLES) {
    const bytes = readSmallFile(root, at(path));
    if (bytes !== undefined) return readCaBundle(bytes, `${root.name}${path}`, context);
  }
  return undefined;
}

function fileBundle(file: string, context: Context): CaBundle {
  try {
    return readCaBundle(readFileSync(file), file, context);
  } catch (error) {
    const code = systemErrorCode(error);
    if (error instanceof BaseKitError || code === undefined) throw error;
    throw new BaseKitError("SCRATCH_CA_INVALID", `the CA bundle ${printable(file)} cannot be used: ${code}`, {
      kind: "environment",
      hint: "Nothing was written.",
      cause: error,
    });
  }
}

/** Names are looked up in files and by DNS. From glibc 2.34 on libc does both itself, before it opens a library for each. */
function addNss({ tree, closures }: FeatureInput): void {
  tree.offer("/etc/nsswitch.conf", {
    ...bytesOf("passwd: files\ngroup: files\nhosts: files dns\n"),
    mode: 0o644,
    mtime: 0,
  });
  for (const folder of closures.libcFolders()) {
    for (const name of ["libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2"])
      closures.takePlugins(`${folder}/${name}`);
  }
}

function at(path: string): ByteString {
  return bytesFromText(path);
}

function notThere(path: string, root: SearchRoot): BaseKitError {
  return new BaseKitError(
    "SCRATCH_WITH",
    `${printable(path)}, which was asked for, does not exist${root.name === "" ? "" : ` in ${printable(root.name)}`}`,
    {
      kind: "usage",
      hint: "Check the path. Nothing was written.",
    },
  );
}

function noBundle(root: SearchRoot): BaseKitError {
  return new BaseKitError(
    "SCRATCH_NO_CA",
    `no CA certificates were found in ${root.name === "" ? "this machine" : printable(root.name)}`,
    {
      kind: "environment",
      hint: "Install ca-certificates there, or name a PEM file with --ca-certificates FILE. Nothing was written.",
    },
  );
}
