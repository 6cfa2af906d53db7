import { createHash } from "node:crypto";
import { mkdir, rename } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import {
  BaseKitError,
  type Context,
  type Digest,
  type Entry,
  type Image,
  isBaseKitError,
  printable,
  type Sink,
  step,
  systemErrorCode,
  systemErrorReason,
} from "@base-kit/core";
import { mountPoints, removeTree } from "@base-kit/host";
import { flattenLayers, imageForHost } from "@base-kit/oci";
import { directoryEntry, packDirectory, requireGnuTar } from "@base-kit/rootfs";
import { abandonedTemporaries, obstacleIn, temporaryName } from "@base-kit/store";
import { writeTar } from "@base-kit/tar";
import { requireNewDirectory } from "./new-directory.ts";

/**
 * A sink that writes the root filesystem as a directory that is new or empty. Root gets all of it; other users get their own
 * files without owners, devices and extended attributes, and are told so. It is read again and compared before it gets its
 * name.
 */
export function directorySink(directory: string): Sink {
  return {
    name: `rootfs:${directory}`,
    write: (images, _references, context) =>
      step(context, `writing ${printable(directory)}`, async (handle) => {
        const final = await requireDirectoryPlace(directory);
        const image = imageForHost(images, `rootfs:${directory}`);
        const entries = await entriesFor(image, context);
        const folder = dirname(final);
        const temporary = temporaryName(join(folder, `.${basename(final)}`));
        try {
          await removeAbandoned(folder, basename(final));
          await makeFolder(temporary, directory);
          const program = await requireTarFor(directory, context);
          const { digest, size } = await unpack(entries, temporary, { program, context });
          if (entries.every(isReadable)) await requireSame(temporary, digest, { directory, context });
          context.signal.throwIfAborted();
          await rename(temporary, final).catch((error: unknown) => {
            const code = systemErrorCode(error);
            throw refused(directory, code === "EBUSY" ? MOUNTED : systemErrorReason(error), error);
          });
          handle.detail(`${entries.length} entries`);
          return { references: [directory], id: digest, size };
        } catch (error) {
          removeTree(temporary);
          throw error;
        }
      }),
  };
}

/**
 * That a root filesystem can be written to a directory: before anything is made for it.
 *
 * @param comes whether a folder will have come into being by then
 * @returns where it really is
 * @throws BaseKitError `OUTPUT_DIRECTORY` (usage for what is no new directory, environment for one that may not be made)
 */
export async function requireDirectoryPlace(
  directory: string,
  comes: (folder: string) => boolean = () => false,
): Promise<string> {
  const final = await requireNewDirectory(directory, (why, cause) => refused(directory, why, cause));
  const folder = dirname(final);
  const obstacle = comes(folder) ? undefined : obstacleIn(folder);
  if (obstacle !== undefined) throw refused(directory, obstacle.why, obstacle.cause);
  if (mountPoints().includes(final)) throw refused(directory, MOUNTED);
  return final;
}

/** @throws BaseKitError `TAR_PROGRAM_MISSING` (environment) */
export async function requireTarFor(directory: string, context: Context): Promise<string> {
  return requireGnuTar(context).catch((error: unknown) => {
    if (!isBaseKitError(error) || error.code !== "TAR_PROGRAM_MISSING") throw error;
    const what = `writing a root filesystem to ${printable(directory)} needs GNU tar; found none as tar or gtar`;
    throw new BaseKitError(error.code, what, {
      kind: error.kind,
      hint: "Install it (apk add tar, brew install gnu-tar), or write a tar with -o tar:FILE. Nothing was written.",
      cause: error,
    });
  });
}

/** What is complete takes the directory's place, and a mount does not let go of that. */
const MOUNTED = "it is a mount point; name a new directory in it";

/** What comes of the name that was given; anything else is for whoever looks after the machine. */
const MISTAKES: readonly unknown[] = [
  ...["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG"],
  // Replacing what is a mount point, or has something in it by now.
  ...["EBUSY", "ENOTEMPTY", "EEXIST"],
];

function refused(directory: string, why: string, cause?: unknown): BaseKitError {
  const isMistake = cause === undefined || MISTAKES.includes(systemErrorCode(cause));
  const advice = isMistake
    ? "Give the name of a directory that is new or empty, in a folder that is there."
    : "Name a directory elsewhere, or run as a user who may write there.";
  return new BaseKitError("OUTPUT_DIRECTORY", `cannot write a root filesystem to ${printable(directory)}: ${why}`, {
    kind: isMistake ? "usage" : "environment",
    hint: `${advice} Nothing was changed.`,
    cause,
  });
}

/** What builds of this directory that were killed have left. */
async function removeAbandoned(folder: string, name: string): Promise<void> {
  for (const path of await abandonedTemporaries(folder)) {
    if (!basename(path).startsWith(`.${name}.tmp-`)) continue;
    try {
      removeTree(path);
    } catch {
      // Somebody else's, perhaps; it is in nobody's way.
    }
  }
}

async function makeFolder(path: string, directory: string): Promise<void> {
  // Until it is complete, nobody else has business in it: there are setuid programs in there.
  await mkdir(path, { mode: 0o700 }).catch((error: unknown) => {
    throw refused(directory, systemErrorReason(error), error);
  });
}

/** The tree with its root, as this user can have it. */
async function entriesFor(image: Image, context: Context): Promise<readonly Entry[]> {
  const { entries } = await flattenLayers(image, context);
  const whole = entries[0]?.path === "" ? entries : [directoryEntry(""), ...entries];
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  if (uid === 0) return whole;
  const isDevice = ({ type }: Entry) => type === "character-device" || type === "block-device";
  const devices = whole.filter(isDevice).length;
  const owned = whole.filter((entry) => entry.uid !== 0 || entry.gid !== 0).length;
  const attributed = whole.filter(({ xattrs }) => xattrs !== undefined).length;
  context.reporter.emit({
    type: "warned",
    code: "DIRECTORY_UNPRIVILEGED",
    message: `without root, all files belong to you (${owned} belong to others), ${devices} devices and the attributes of ${attributed} files are left out`,
  });
  return whole.filter((entry) => !isDevice(entry)).map(({ xattrs: _, ...entry }) => ({ ...entry, uid, gid }) as Entry);
}

/** Without root, a file that its own owner may not read cannot be compared. */
function isReadable({ type, mode }: Entry): boolean {
  if (process.getuid?.() === 0) return true;
  return type === "directory" ? (mode & 0o500) === 0o500 : type !== "file" || (mode & 0o400) !== 0;
}

interface Unpacked {
  readonly digest: Digest;
  /** Bytes of the tar. */
  readonly size: number;
}

/**
 * GNU tar unpacks it. The tree has every path once and nothing below a symbolic link, so that nothing can lead out; links are
 * followed nowhere.
 */
async function unpack(
  entries: readonly Entry[],
  directory: string,
  { program, context }: { readonly program: string; readonly context: Context },
): Promise<Unpacked> {
  const hash = createHash("sha256");
  let size = 0;
  const chunks = async function* () {
    for await (const chunk of writeTar(entries)) {
      context.signal.throwIfAborted();
      hash.update(chunk);
      size += chunk.length;
      yield chunk;
    }
  };
  const privileged =
    process.getuid?.() === 0 ? ["--same-owner", "--xattrs", "--xattrs-include=*"] : ["--no-same-owner"];
  const args = ["--extract", "--file=-", "--numeric-owner", "--same-permissions", ...privileged];
  await context.exec(program, [...args, `--directory=${directory}`], { stdin: chunks(), signal: context.signal });
  return { digest: `sha256:${hash.digest("hex")}`, size };
}

/** @throws BaseKitError `OUTPUT_DAMAGED` (verification) */
async function requireSame(
  temporary: string,
  digest: Digest,
  { directory, context }: { readonly directory: string; readonly context: Context },
): Promise<void> {
  const hash = createHash("sha256");
  for await (const chunk of packDirectory(temporary, context)) hash.update(chunk);
  const found = `sha256:${hash.digest("hex")}`;
  if (found === digest) return;
  throw new BaseKitError(
    "OUTPUT_DAMAGED",
    `${printable(directory)} is not what was written: expected ${digest}, found ${found} when it was read again`,
    {
      kind: "verification",
      hint: "It was not put in place. The file system may lack names, owners or attributes that the image has: try another.",
    },
  );
}
