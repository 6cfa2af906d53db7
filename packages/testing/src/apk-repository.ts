import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type RawEntry, tarEntry } from "./tar-entry.ts";

/** A package as a test describes it. */
export interface DescribedApk {
  readonly name: string;
  readonly version?: string;
  readonly architecture?: string;
  /** Content by path; a path that ends in `/` is a folder, a content that begins with `-> ` a link. */
  readonly files?: Readonly<
    Record<
      string,
      string | { readonly content: string; readonly mode?: number; readonly uid?: number; readonly gid?: number }
    >
  >;
  /** Further lines of .PKGINFO: `depend = so:libz.so.1`. */
  readonly info?: readonly string[];
  readonly scripts?: Readonly<Record<string, string>>;
  readonly origin?: string;
  /** Entries behind the files, header by header: for what abuild would never write. */
  readonly further?: readonly RawEntry[];
  /** How the data is compressed. @default as one gzip member */
  readonly compress?: (tar: Buffer) => Buffer;
}

export interface ApkKey {
  readonly name: string;
  readonly privateKey: KeyObject;
  readonly publicPem: string;
}

export function newApkKey(name = "test@example.org-1234.rsa.pub"): ApkKey {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { name, privateKey, publicPem: publicKey.export({ type: "spki", format: "pem" }) as string };
}

export interface BuiltApk {
  readonly bytes: Buffer;
  readonly checksum: string;
  /** The members of the file. */
  readonly parts: readonly Buffer[];
}

/** A .apk as abuild makes it: signature, control and data, each a gzip member. */
export function makeApk(described: DescribedApk, key: ApkKey, algorithm: keyof typeof ALGORITHMS = "RSA"): BuiltApk {
  const {
    name,
    version = "1.0-r0",
    architecture = "x86_64",
    files = {},
    info = [],
    scripts = {},
    origin = name,
    further = [],
    compress = gzipSync,
  } = described;
  const entries = Object.entries(withFolders(files));
  const blocks = [...entries.map(([path, file]) => dataEntry(path, file)), ...further.map(tarEntry)];
  const data = compress(Buffer.concat([...blocks, Buffer.alloc(1024)]));
  const size = entries.reduce(
    (sum, [, file]) => sum + Buffer.byteLength(typeof file === "string" ? file : file.content),
    0,
  );
  const lines = [
    `pkgname = ${name}`,
    `pkgver = ${version}`,
    `pkgdesc = ${name} for tests`,
    "url = https://example.org",
    "builddate = 1700000000",
    `size = ${size || 1}`,
    `arch = ${architecture}`,
    `origin = ${origin}`,
    "license = MIT",
    ...info,
    `datahash = ${createHash("sha256").update(data).digest("hex")}`,
  ];
  const controlFiles: Record<string, string> = { ".PKGINFO": `${lines.join("\n")}\n` };
  for (const [kind, content] of Object.entries(scripts)) controlFiles[`.${kind}`] = content;
  const control = gzipSync(
    Buffer.concat(Object.entries(controlFiles).map(([path, content]) => tarEntry({ path, content, mode: 0o755 }))),
  );
  const signature = apkSignature(control, key, algorithm);
  return {
    bytes: Buffer.concat([signature, control, data]),
    checksum: `Q1${createHash("sha1").update(control).digest("base64")}`,
    parts: [signature, control, data],
  };
}

const ALGORITHMS = { RSA: "sha1", RSA256: "sha256", RSA512: "sha512" } as const;

export function apkSignature(signed: Buffer, key: ApkKey, algorithm: keyof typeof ALGORITHMS = "RSA"): Buffer {
  const signature = sign(ALGORITHMS[algorithm], signed, key.privateKey);
  return gzipSync(tarEntry({ path: `.SIGN.${algorithm}.${key.name}`, content: signature, mode: 0o644 }));
}

/** APKINDEX.tar.gz of packages. */
export function makeApkIndex(stanzas: readonly string[], key: ApkKey): Buffer {
  const index = gzipSync(
    Buffer.concat([
      tarEntry({ path: "DESCRIPTION", content: "test", mode: 0o644 }),
      tarEntry({ path: "APKINDEX", content: stanzas.join(""), mode: 0o644 }),
      Buffer.alloc(1024),
    ]),
  );
  return Buffer.concat([apkSignature(index, key), index]);
}

/** Writes a repository for an architecture, with the key beside it, and gives its folder. */
export function writeApkRepository(
  folder: string,
  packages: readonly DescribedApk[],
  key: ApkKey,
  architecture = "x86_64",
): string {
  const place = join(folder, architecture);
  mkdirSync(place, { recursive: true });
  const stanzas = packages.map((described) => {
    const { bytes, checksum } = makeApk({ architecture, ...described }, key);
    const { name, version = "1.0-r0" } = described;
    writeFileSync(join(place, `${name}-${version}.apk`), bytes);
    return apkStanza({ architecture, ...described }, { checksum, size: bytes.length });
  });
  writeFileSync(join(place, "APKINDEX.tar.gz"), makeApkIndex(stanzas, key));
  writeFileSync(join(folder, key.name), key.publicPem);
  return folder;
}

export function apkStanza(
  described: DescribedApk,
  { checksum, size }: { readonly checksum: string; readonly size: number },
): string {
  const { name, version = "1.0-r0", architecture = "x86_64", files = {}, info = [], origin = name } = described;
  const list = (key: string) =>
    info
      .filter((line) => line.startsWith(`${key} = `))
      .map((line) => line.slice(key.length + 3))
      .join(" ");
  const installed = Object.values(files).reduce<number>(
    (sum, file) => sum + Buffer.byteLength(typeof file === "string" ? file : file.content),
    0,
  );
  const rows = [
    ["C", checksum],
    ["P", name],
    ["V", version],
    ["A", architecture],
    ["S", String(size)],
    ["I", String(installed || 1)],
    ["T", `${name} for tests`],
    ["U", "https://example.org"],
    ["L", "MIT"],
    ["o", origin],
    ["t", "1700000000"],
    ["k", list("provider_priority")],
    ["D", list("depend")],
    ["p", list("provides")],
    ["i", list("install_if")],
  ];
  return `${rows
    .filter(([, value]) => value !== "")
    .map(([letter, value]) => `${letter}:${value}`)
    .join("\n")}\n\n`;
}

function withFolders(files: NonNullable<DescribedApk["files"]>): NonNullable<DescribedApk["files"]> {
  const result: Record<string, NonNullable<DescribedApk["files"]>[string]> = {};
  for (const path of Object.keys(files).sort()) {
    const parts = path.replace(/\/$/, "").split("/").slice(0, -1);
    for (let depth = 1; depth <= parts.length; depth++) result[`${parts.slice(0, depth).join("/")}/`] ??= "";
    result[path] = files[path] as string;
  }
  return result;
}

function dataEntry(path: string, file: NonNullable<DescribedApk["files"]>[string]): Buffer {
  const { content, mode, uid, gid } =
    typeof file === "string" ? { content: file, mode: undefined, uid: 0, gid: 0 } : { uid: 0, gid: 0, ...file };
  const ids = { uid: uid ?? 0, gid: gid ?? 0 };
  if (path.endsWith("/")) return tarEntry({ path, content: "", mode: mode ?? 0o755, type: "5", ...ids });
  if (content.startsWith("-> ")) {
    const target = content.slice(3);
    return Buffer.concat([
      checksumRecord(Buffer.from(target)),
      tarEntry({ path, content: "", mode: 0o777, type: "2", target, ...ids }),
    ]);
  }
  return Buffer.concat([
    checksumRecord(Buffer.from(content)),
    tarEntry({ path, content, mode: mode ?? 0o644, ...ids }),
  ]);
}

/** What abuild-tar puts before each file. */
function checksumRecord(content: Buffer): Buffer {
  const rest = `APK-TOOLS.checksum.SHA1=${createHash("sha1").update(content).digest("hex")}\n`;
  const length = rest.length + 3;
  return tarEntry({ path: "./PaxHeaders/x", content: `${length} ${rest}`, mode: 0o644, type: "x" });
}
