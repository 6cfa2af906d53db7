import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { tarEntry } from "./tar-entry.ts";

/** A package as a test describes it. */
export interface DescribedDeb {
  readonly name: string;
  /** @default 1.0 */
  readonly version?: string;
  /** @default all */
  readonly architecture?: string;
  /** Content by path; a path that ends in `/` is a folder, a content that begins with `-> ` a link. */
  readonly files?: Readonly<Record<string, string | DescribedFile>>;
  /** `postinst`, `preinst`, and other files of the control archive. */
  readonly scripts?: Readonly<Record<string, string>>;
  /** Further lines of its control file: `Depends: libc6`. */
  readonly fields?: readonly string[];
  /** What its data archive is called, and how it comes to be of a tar. @default data.tar.gz */
  readonly data?: { readonly name: string; readonly pack: (tar: Buffer) => Buffer };
}

export interface DescribedFile {
  readonly content: string | Buffer;
  readonly mode: number;
}

/** A suite of an archive as a test describes it. */
export interface DescribedSuite {
  /** Also its codename. @default bookworm */
  readonly suite?: string;
  readonly packages?: readonly DescribedDeb[];
  /** Of the index. @default that of this machine */
  readonly architecture?: string;
  /** When the Release was made. @default a minute ago */
  readonly date?: Date;
  /** Further lines of the Release: `Valid-Until: …`, `Acquire-By-Hash: yes`. */
  readonly fields?: readonly string[];
  /** Whether packages for all architectures are in an index of their own. @default false */
  readonly indexOfAll?: boolean;
  /** Changes the text of the index before it is signed for. */
  readonly spoilIndex?: (text: string) => string;
  /** In which forms the index is there, by their suffixes. @default `.gz` */
  readonly indexForms?: Readonly<Record<string, (index: Buffer) => Buffer>>;
}

/** Debian's name of this machine. */
export const DEB_ARCHITECTURE: string = { x64: "amd64", arm64: "arm64" }[process.arch as string] ?? process.arch;

/** A .deb as dpkg-deb makes it. */
export function makeDeb({ files = {}, scripts = {}, data, ...described }: DescribedDeb): Buffer {
  const control = { control: `${controlText(described)}\n`, ...scripts };
  const members = Object.entries(control).map(([path, content]) =>
    tarEntry({ path: `./${path}`, content, mode: path === "control" ? 0o644 : 0o755 }),
  );
  const tar = Buffer.concat([
    tarEntry({ path: "./", content: "", mode: 0o755, type: "5" }),
    ...Object.entries(withFolders(files)).map(([path, file]) => dataEntry(path, file)),
    Buffer.alloc(1024),
  ]);
  return Buffer.concat([
    Buffer.from("!<arch>\n"),
    arMember("debian-binary", Buffer.from("2.0\n")),
    arMember("control.tar.gz", gzipSync(Buffer.concat([...members, Buffer.alloc(1024)]))),
    arMember(data?.name ?? "data.tar.gz", data === undefined ? gzipSync(tar) : data.pack(tar)),
  ]);
}

/** The files of an archive by their paths, with component `main`; `sign` makes its InRelease of a Release. */
export function makeDebSuite(described: DescribedSuite, sign: (release: string) => string): Record<string, Buffer> {
  const { suite = "bookworm", packages = [], architecture = DEB_ARCHITECTURE, fields = [] } = described;
  const date = described.date ?? new Date(Date.now() - 60_000);
  const pool = packages.map((each) => ({ each, bytes: makeDeb(each), path: poolPath(each) }));
  const isAll = ({ architecture = "all" }: DescribedDeb) => described.indexOfAll === true && architecture === "all";
  const stanza = ({ each, bytes, path }: (typeof pool)[number]) =>
    [controlText(each), `Filename: ${path}`, `Size: ${bytes.length}`, `SHA256: ${sha256(bytes)}`, "", ""].join("\n");
  const { spoilIndex: spoil = (index: string) => index, indexForms = { ".gz": gzipSync } } = described;
  const indexes = [architecture, ...(described.indexOfAll ? ["all"] : [])].map((name) => {
    const listed = pool.filter(({ each }) => isAll(each) === (name === "all"));
    const text = Buffer.from(spoil(listed.map(stanza).join("")));
    const forms = Object.entries(indexForms).map(([suffix, pack]) => ({
      path: `Packages${suffix}`,
      index: pack(text),
    }));
    return { folder: `main/binary-${name}`, text, forms };
  });
  const release = [
    "Origin: Debian",
    "Label: Debian",
    `Suite: ${suite}`,
    `Codename: ${suite}`,
    `Date: ${date.toUTCString().replace("GMT", "UTC")}`,
    `Architectures: ${architecture}${described.indexOfAll ? " all" : ""}`,
    "Components: main",
    ...fields,
    "SHA256:",
    ...indexes.flatMap(({ folder, text, forms }) => [
      // Listed in every archive, and there in hardly any.
      ` ${sha256(text)} ${text.length} ${folder}/Packages`,
      ...forms
        .filter(({ path }) => path !== "Packages")
        .map(({ path, index }) => ` ${sha256(index)} ${index.length} ${folder}/${path}`),
    ]),
    "",
  ].join("\n");
  return {
    ...Object.fromEntries(pool.map(({ path, bytes }) => [path, bytes])),
    ...Object.fromEntries(
      indexes.flatMap(({ folder, forms }) =>
        forms.flatMap(({ path, index }) => [
          [`dists/${suite}/${folder}/${path}`, index],
          [`dists/${suite}/${folder}/by-hash/SHA256/${sha256(index)}`, index],
        ]),
      ),
    ),
    [`dists/${suite}/InRelease`]: Buffer.from(sign(release)),
  };
}

function controlText({ name, version = "1.0", architecture = "all", fields = [] }: DescribedDeb): string {
  const more = fields.length === 0 ? "" : `\n${fields.join("\n")}`;
  return `Package: ${name}\nVersion: ${version}\nArchitecture: ${architecture}\nMaintainer: A <a@example.org>${more}\nDescription: for tests`;
}

function poolPath({ name, version = "1.0", architecture = "all" }: DescribedDeb): string {
  return `pool/main/${name}_${version}_${architecture}.deb`;
}

function withFolders(files: NonNullable<DescribedDeb["files"]>): NonNullable<DescribedDeb["files"]> {
  const result: Record<string, string | DescribedFile> = {};
  for (const path of Object.keys(files).sort()) {
    const parts = path.replace(/\/$/, "").split("/").slice(0, -1);
    for (let depth = 1; depth <= parts.length; depth++) result[`${parts.slice(0, depth).join("/")}/`] ??= "";
    result[path] = files[path] as string;
  }
  return result;
}

function dataEntry(name: string, file: string | DescribedFile): Buffer {
  const { content, mode } = typeof file === "string" ? { content: file, mode: undefined } : file;
  const path = `./${name}`;
  if (path.endsWith("/")) return tarEntry({ path, content: "", mode: mode ?? 0o755, type: "5" });
  if (typeof content === "string" && content.startsWith("-> "))
    return tarEntry({ path, content: "", mode: 0o777, type: "2", target: content.slice(3) });
  return tarEntry({ path, content, mode: mode ?? 0o644 });
}

function arMember(name: string, bytes: Buffer): Buffer {
  const words = [name.padEnd(16), "0".padEnd(12), "0".padEnd(6), "0".padEnd(6), "100644".padEnd(8)];
  const header = `${words.join("")}${String(bytes.length).padEnd(10)}\`\n`;
  return Buffer.concat([Buffer.from(header), bytes, Buffer.alloc(bytes.length % 2, "\n")]);
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
