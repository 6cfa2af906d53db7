import { BaseKitError, type Context, isBaseKitError, printable, redactUrl, step } from "@base-kit/core";
import { allAtOnce } from "./all-at-once.ts";
import { type FetchedFile, type FetchNewOptions, type FileSource, fetchNew, fileName, keptFile } from "./fetch-file.ts";
import { createTries } from "./retry.ts";

const NAMED_AT_MOST = 20;
/** Worth knowing of all files at once. */
const NOT_THERE: readonly string[] = ["FETCH_NOT_FOUND", "FILE_NOT_FOUND", "OFFLINE"];

/** A file that may be in several places. */
export interface FilesSource extends FileSource {
  /** URLs that are tried, one after another, when the first says that it has no such file. Only a digest tells that it is the same. */
  readonly elsewhere?: () => Promise<readonly string[]>;
}

export interface FetchFilesOptions {
  /** What the step is called: `fetching 88 packages`. */
  readonly title: string;
  /**
   * Told of each file when it is there, long before the last one is; `index` is its place among the sources. When it throws,
   * nothing more is fetched.
   */
  readonly onFile?: (file: FetchedFile, index: number) => void;
}

/**
 * Fetches many files as one step, several at a time, each as `fetchFile` does; gives them in the order of the sources. Files
 * that are in none of their places are reported together; any other failure ends the rest at once. What came before is in the store.
 *
 * @throws BaseKitError as `fetchFile`
 */
export async function fetchFiles(
  sources: readonly FilesSource[],
  context: Context,
  { title, onFile }: FetchFilesOptions,
): Promise<readonly FetchedFile[]> {
  return step(context, title, async (running) => {
    const files: FetchedFile[] = [];
    const take = (file: FetchedFile, index: number) => {
      files[index] = file;
      onFile?.(file, index);
    };
    const missing: number[] = [];
    await allAtOnce([...sources.keys()], context, async (index, within) => {
      const kept = await keptFile(sources[index] as FileSource, within);
      if (kept === undefined) missing.push(index);
      else take(kept, index);
    });
    running.detail(summary(sources.length, missing.length));

    const total = totalSize(missing.map((index) => sources[index] as FileSource));
    const gone = new Map<number, BaseKitError>();
    const silent = new Set<string>();
    let done = 0;
    await allAtOnce(missing.sort(byNumber), context, async (index, within) => {
      const source = sources[index] as FilesSource;
      let counted = 0;
      const report = (bytes: number) => {
        done += bytes - counted;
        counted = bytes;
        running.progress(done, {
          ...(total === undefined ? {} : { total }),
          detail: printable(fileName(source)),
        });
      };
      try {
        take(await fetchAnywhere(source, within, { silent, tries: createTries(within), report }), index);
      } catch (error) {
        if (!isBaseKitError(error) || !NOT_THERE.includes(error.code)) throw error;
        gone.set(index, error);
      }
    });
    if (gone.size > 0) throw notThere([...gone.keys()].sort(byNumber).map((index) => gone.get(index) as BaseKitError));
    return files;
  });
}

interface AnywhereOptions extends FetchNewOptions {
  /** Hosts that did not answer when they were asked for something that was not in its first place: each is waited for once. */
  readonly silent: Set<string>;
}

async function fetchAnywhere(
  { elsewhere = async () => [], ...source }: FilesSource,
  context: Context,
  { silent, ...options }: AnywhereOptions,
): Promise<FetchedFile> {
  try {
    return await fetchNew(source, context, options);
  } catch (error) {
    if (!isBaseKitError(error) || error.code !== "FETCH_NOT_FOUND") throw error;
    for (const url of await elsewhere()) {
      const { host } = new URL(url);
      if (silent.has(host)) continue;
      const found = await fetchNew({ ...source, url }, context, { ...options, tries: createTries(context, []) }).catch(
        (failure: unknown) => {
          if (!isBaseKitError(failure) || !["network", "verification"].includes(failure.kind)) throw failure;
          if (failure.kind === "network" && failure.code !== "FETCH_NOT_FOUND") silent.add(host);
        },
      );
      if (found === undefined) continue;
      const message = `${redactUrl(source.url)} does not exist; the same file was found at ${redactUrl(url)}`;
      context.reporter.emit({ type: "noted", message });
      return found;
    }
    throw error;
  }
}

function totalSize(sources: readonly FileSource[]): number | undefined {
  let total = 0;
  for (const { size } of sources) {
    if (size === undefined) return undefined;
    total += size;
  }
  return total;
}

function summary(all: number, missing: number): string {
  const files = all === 1 ? "1 file" : `${all} files`;
  if (missing === 0) return `${files}, cached`;
  return missing === all ? files : `${files}, ${all - missing} of them cached`;
}

function notThere(errors: readonly BaseKitError[]): BaseKitError {
  const [first] = errors as readonly [BaseKitError, ...BaseKitError[]];
  if (errors.length === 1) return first;
  const lines = errors.slice(0, NAMED_AT_MOST).map(({ message }) => `\n  ${message}`);
  const more = errors.length > NAMED_AT_MOST ? `\n  and ${errors.length - NAMED_AT_MOST} more` : "";
  return new BaseKitError(first.code, `${errors.length} files cannot be had:${lines.join("")}${more}`, {
    kind: first.kind,
    ...(first.hint === undefined ? {} : { hint: first.hint }),
    cause: first,
  });
}

function byNumber(a: number, b: number): number {
  return a - b;
}
