import { BaseKitError, printable } from "@base-kit/core";
import { parse } from "yaml";
import { z } from "zod";

/** One file that `latest-releases.yaml` lists. */
export interface ReleaseFile {
  readonly branch: string;
  readonly version: string;
  /** A plain file name, beside the index. */
  readonly file: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
  readonly sha512: string;
  /** Seconds since 1970. */
  readonly date: number;
}

/**
 * The mini root filesystem that `latest-releases.yaml` lists.
 *
 * @param url for messages
 * @throws BaseKitError `ALPINE_INDEX_INVALID` (verification)
 */
export function parseReleaseIndex(
  text: string,
  { url, architecture }: { readonly url: string; readonly architecture: string },
): ReleaseFile {
  const invalid = (why: string, cause?: unknown) =>
    new BaseKitError("ALPINE_INDEX_INVALID", `${url} is not what Alpine publishes: ${why}`, {
      kind: "verification",
      hint: "Is this a mirror of Alpine? It may be in the middle of an update: try again later, or use another one.",
      cause,
    });
  let list: unknown;
  try {
    // Every scalar stays the text it is: a version or a digest may look like a number.
    list = parse(text, { schema: "failsafe", maxAliasCount: 0, logLevel: "silent" });
  } catch (error) {
    throw invalid(`not YAML (${(error as Error).message.split("\n")[0]})`, error);
  }
  const isMinirootfs = z.object({ flavor: z.literal("alpine-minirootfs") });
  const found = Array.isArray(list) ? list.filter((each) => isMinirootfs.safeParse(each).success) : [];
  if (found.length !== 1) throw invalid(`it lists ${found.length} files of the flavor alpine-minirootfs, expected 1`);

  const version = /^\d+(?:\.\d+){0,2}(?:_(?:alpha|beta|rc)\d+)?$/;
  const schema = z.object({
    branch: z.string().regex(/^(?:v\d+\.\d+|edge)$/),
    arch: z.literal(architecture),
    version: z.string().regex(version),
    // It becomes part of a URL and of messages.
    file: z.string().regex(/^[A-Za-z0-9][\w.-]{0,199}$/),
    size: z.string().regex(/^[1-9]\d{0,10}$/),
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    sha512: z.string().regex(/^[0-9a-f]{128}$/),
    date: z.iso.date(),
    time: z.iso.time({ precision: 0 }),
  });
  const result = schema.safeParse(found[0]);
  if (!result.success) {
    const [issue] = result.error.issues;
    const key = String(issue?.path[0]);
    throw invalid(`${key} is ${printable(String((found[0] as Record<string, unknown>)[key]))}`, result.error);
  }
  const { data } = result;
  return { ...data, size: Number(data.size), date: Date.parse(`${data.date}T${data.time}Z`) / 1000 };
}
