import { systemErrorCode } from "./errors.ts";

/** What the codes mean that files, folders and pipes bring; errno(3). */
const MEANINGS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EBADF: "it is not open for this",
  EBUSY: "it is in use",
  EDQUOT: "the disk quota is used up",
  EFBIG: "a file may not be as large",
  EIO: "the disk or the device reports an error",
  EISDIR: "it is a directory",
  ELOOP: "links lead to each other",
  EMFILE: "too many open files; raise `ulimit -n`",
  ENAMETOOLONG: "a name is longer than the file system allows",
  ENFILE: "too many files are open on this machine",
  ENOENT: "there is no such file or directory",
  ENOSPC: "the disk is full",
  ENOTDIR: "a part of the path is not a directory",
  ENXIO: "there is nobody at the other end, or no such device",
  EPERM: "not permitted",
  EROFS: "the file system is read-only",
};

/** What an error of the system means, for people; undefined for what has no words here. */
export function systemErrorMeaning(error: unknown): string | undefined {
  const code = systemErrorCode(error);
  return code === undefined || !Object.hasOwn(MEANINGS, code) ? undefined : MEANINGS[code];
}

/** The same with its code, to look it up; of any other error the code alone, or what it says. A system error's own text has the path as it is. */
export function systemErrorReason(error: unknown): string {
  const code = systemErrorCode(error);
  if (code === undefined) return error instanceof Error ? error.message : String(error);
  const meaning = systemErrorMeaning(error);
  return meaning === undefined ? code : `${meaning} (${code})`;
}
