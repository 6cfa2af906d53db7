import { fileURLToPath } from "node:url";
import type { Context, LockedInput } from "@base-kit/core";
import { fetchBytes, resolveMirror } from "@base-kit/store";
import { type ApkIndex, readIndex } from "./apk/index-file.ts";
import type { TrustedKeys } from "./apk/signature.ts";
import { MIRROR_VARIABLE, publicUrl, withEnvironmentCredentials, withoutCredentials } from "./mirror.ts";

export interface Repository {
  /** Ends with `/`; the folders of the architectures are below it. */
  readonly url: URL;
  readonly tag?: string;
}

export interface ReadRepository extends Repository {
  readonly index: ApkIndex;
  readonly input: LockedInput;
}

/** As Docker's index of 30 MB unpacked, packed; Alpine's largest has 3 MB. */
const INDEX_AT_MOST = 128 * 1024 ** 2;

/**
 * A line of /etc/apk/repositories: `[@tag ]URL`. Also a folder.
 *
 * @throws BaseKitError `MIRROR_INVALID`, `MIRROR_WITH_CREDENTIALS` (usage), `MIRROR_NOT_FOUND` (environment)
 */
export function parseRepository(line: string): Repository {
  const [, tag, place] = /^(?:@(\S+) )?(\S+)$/.exec(line) ?? [];
  const url = withoutCredentials(
    resolveMirror(place ?? line),
    `Leave them out; those of ${MIRROR_VARIABLE} are used for all of its host`,
  );
  return { url, ...(tag === undefined ? {} : { tag }) };
}

/** Those that mean something on another machine, for the image. */
export function publicLines(lines: readonly string[] = []): readonly string[] {
  return lines.filter((line) => /^(?:@\S+ )?https?:/.test(line));
}

/** Fetches and verifies the index of one architecture. */
export async function readRepository(
  repository: Repository,
  { architecture, keys }: { readonly architecture: string; readonly keys: TrustedKeys },
  context: Context,
): Promise<ReadRepository> {
  const place = withEnvironmentCredentials(repository.url, context.env);
  const url = new URL(`${architecture}/APKINDEX.tar.gz`, place);
  const { bytes, sha256 } = await fetchBytes({ url, limit: INDEX_AT_MOST }, context);
  const name = `APKINDEX of ${shortName(repository.url)}`;
  const index = await readIndex(bytes, { name, keys });
  return {
    ...repository,
    url: place,
    index,
    input: { name, url: publicUrl(url), size: bytes.length, sha256, verifiedBy: index.signer },
  };
}

/** The last two folders tell Alpine's repositories apart: `v3.20/main`. */
function shortName(url: URL): string {
  const path = url.protocol === "file:" ? fileURLToPath(url) : url.pathname;
  return path.split("/").filter(Boolean).slice(-2).join("/");
}
