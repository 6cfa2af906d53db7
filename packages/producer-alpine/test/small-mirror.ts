import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { writeTar } from "@base-kit/tar";
import { entriesFromText } from "@base-kit/testing";

/** What Alpine publishes, in small. */
export interface SmallRelease {
  readonly branch?: string;
  /** The folder it lies in, when that is not the branch: `latest-stable`. */
  readonly folder?: string;
  readonly version?: string;
  readonly architecture?: string;
  /** Changes fields of the entry in `latest-releases.yaml`; `undefined` leaves one out. */
  readonly listed?: Readonly<Record<string, string | number | undefined>>;
  /** What `etc/apk/arch` says. */
  readonly contains?: string;
}

/** The files of one release on a mirror: the list and the root filesystem. */
export async function smallRelease(release: SmallRelease = {}): Promise<Record<string, Buffer>> {
  const { branch = "v3.20", folder = branch, version = "3.20.3", architecture = "x86_64", listed = {} } = release;
  const { contains = architecture } = release;
  const rootfs = await smallRootfs(version, contains);
  const file = `alpine-minirootfs-${version}-${architecture}.tar.gz`;
  const hash = (algorithm: string) => createHash(algorithm).update(rootfs).digest("hex");
  const fields = {
    title: '"Mini root filesystem"',
    branch,
    arch: architecture,
    version,
    flavor: "alpine-minirootfs",
    file,
    date: "2024-09-06",
    time: "11:20:50",
    size: rootfs.length,
    sha256: hash("sha256"),
    sha512: hash("sha512"),
    ...listed,
  };
  const lines = Object.entries(fields).flatMap(([key, value]) => (value === undefined ? [] : [`  ${key}: ${value}\n`]));
  const at = `${folder}/releases/${architecture}`;
  return {
    [`${at}/latest-releases.yaml`]: Buffer.from(`---\n-\n  flavor: alpine-netboot\n-\n${lines.join("")}`),
    [`${branch}/releases/${architecture}/${file}`]: rootfs,
    [`${branch}/releases/${architecture}/${file}.sha256`]: Buffer.from(`${hash("sha256")}  ${file}\n`),
    [`${branch}/releases/${architecture}/${file}.sha512`]: Buffer.from(`${hash("sha512")}  ${file}\n`),
  };
}

async function smallRootfs(version: string, architecture: string): Promise<Buffer> {
  const installed = `C:Q1x\nP:musl\nV:1.2.5-r0\nA:${architecture}\nL:MIT\n\n`;
  const entries = entriesFromText(`
    directory 755 0:0@1725621600 bin/
    file 755 0:0@1725621600 bin/busybox "the program"
    symlink 777 0:0@1725621600 bin/sh -> /bin/busybox
    directory 755 0:0@1725621600 etc/
    directory 755 0:0@1725621600 etc/apk/
    file 644 0:0@1725621650 etc/apk/arch ${JSON.stringify(`${architecture}\n`)}
    file 644 0:0@1725621600 etc/os-release ${JSON.stringify(`ID=alpine\nVERSION_ID=${version}\nPRETTY_NAME="Alpine Linux"\n`)}
    directory 755 0:0@1725621600 lib/
    directory 755 0:0@1725621600 lib/apk/
    directory 755 0:0@1725621600 lib/apk/db/
    file 644 0:0@1725621600 lib/apk/db/installed ${JSON.stringify(installed)}
    directory 1777 0:0@1725621600 tmp/
  `);
  const chunks: Uint8Array[] = [];
  for await (const chunk of writeTar(entries)) chunks.push(Buffer.from(chunk));
  return gzipSync(Buffer.concat(chunks));
}
