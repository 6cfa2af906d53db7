import { BaseKitError, type Context, printable, redactUrl } from "@base-kit/core";
import { tarSegment } from "@base-kit/rootfs";
import { fetchBytes, fetchFile } from "@base-kit/store";
import { type Minirootfs, releasesFolder, type Wanted } from "./minirootfs.ts";
import { isMissing, type Newest, trustOf } from "./newest.ts";

/** Room for a digest and a file name. */
const CHECKSUM_LIMIT = 4096;

/**
 * A version that is not the newest of its branch any more: the list has forgotten it, but mirrors keep the file and its
 * checksums. Size and date are those of the file itself, so it is fetched.
 *
 * @throws BaseKitError `ALPINE_RELEASE_UNKNOWN` (usage), `ALPINE_CHECKSUM_INVALID` (verification), and those of fetchFile
 */
export async function findExactVersion(wanted: Wanted, newest: Newest, context: Context): Promise<Minirootfs> {
  const version = wanted.release.version ?? newest.version;
  const file = `alpine-minirootfs-${version}-${wanted.architecture}.tar.gz`;
  const url = new URL(file, releasesFolder(newest.branch, wanted));
  try {
    const sha256 = await fetchChecksum(url, { algorithm: "sha256", digits: 64 }, context);
    const sha512 = await fetchChecksum(url, { algorithm: "sha512", digits: 128 }, context);
    const { path, size } = await fetchFile({ url, digest: `sha256:${sha256}`, sha512 }, context);
    const { entries } = await tarSegment(path, context, { name: file });
    const date = Math.max(...[...entries()].map(({ mtime }) => mtime));
    const verifiedBy = `${file}.sha256 and .sha512; ${trustOf(url)}`;
    return { version, url, size, sha256, sha512, date, verifiedBy };
  } catch (error) {
    if (!isMissing(error)) throw error;
    const where = redactUrl(releasesFolder(newest.branch, wanted));
    throw new BaseKitError("ALPINE_RELEASE_UNKNOWN", `there is no Alpine ${version} at ${where}`, {
      kind: "usage",
      hint: `The newest of ${newest.branch} there is ${newest.version}.`,
      cause: error,
    });
  }
}

/** A line as sha256sum(1) writes it, which names the file. */
async function fetchChecksum(
  file: URL,
  { algorithm, digits }: { readonly algorithm: string; readonly digits: number },
  context: Context,
): Promise<string> {
  const url = Object.assign(new URL(file), { pathname: `${file.pathname}.${algorithm}` });
  const { bytes } = await fetchBytes({ url, limit: CHECKSUM_LIMIT }, context);
  const text = bytes.toString();
  const [, digest, name] = /^([0-9a-f]+) [ *](\S+)\n?$/.exec(text) ?? [];
  if (digest?.length === digits && file.pathname.endsWith(`/${name}`)) return digest;
  throw new BaseKitError(
    "ALPINE_CHECKSUM_INVALID",
    `${redactUrl(url)} is no checksum of this file: ${printable(text)}`,
    {
      kind: "verification",
      hint: "The mirror is not in order; use another one.",
    },
  );
}
