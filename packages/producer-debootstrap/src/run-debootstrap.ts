import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Context, systemErrorCode } from "@base-kit/core";
import type { Keyring } from "@base-kit/signatures";
import { explainFailure } from "./failure.ts";
import type { DebootstrapOptions } from "./options.ts";
import { pinRelease, requireUsedRelease } from "./pinned-release.ts";
import { diskFull, ISOLATION } from "./preflight.ts";
import { followProgress } from "./progress.ts";
import { putFile } from "./put-file.ts";
import type { Suite } from "./suite.ts";

export interface DebootstrapRun {
  readonly suite: Suite;
  /** Debian's name of it. */
  readonly architecture: string;
  readonly mirror: string;
  readonly keyring: Keyring;
  /** The verified Release. */
  readonly inRelease: Uint8Array;
  readonly options: DebootstrapOptions;
}

/** While it is made, the system need not survive a power cut: without an fsync per file dpkg is faster, on slow disks many times. */
const UNSYNCED = "etc/dpkg/dpkg.cfg.d/base-kit-while-it-is-made";

/** wget would otherwise wait 15 minutes, 20 times, for a mirror that stopped answering. */
const WGETRC = "timeout = 60\ntries = 5\n";

/**
 * Runs debootstrap and then `use` on the directory it made, which is removed afterwards.
 *
 * debootstrap mounts /proc and /sys in the directory, and killing it leaves them there, with dpkg still running. So it gets
 * mounts and processes of its own: when the first of them ends, the kernel ends all and takes the mounts with them. That
 * first one dies with `unshare`, which dies with this process, by whatever signal.
 *
 * @throws BaseKitError; see `explainFailure` and `requireUsedRelease`
 */
export async function withDebootstrap<T>(
  run: DebootstrapRun,
  context: Context,
  use: (directory: string) => Promise<T>,
): Promise<T> {
  const dir = await mkdtemp(join(context.tempDir, "debootstrap-"));
  const target = join(dir, "root");
  try {
    await mkdir(target);
    // It becomes the root directory of the image.
    await chmod(target, 0o755);
    const pinned = { ...run, suite: run.suite.name };
    await pinRelease(target, pinned);
    await putFile(target, UNSYNCED, "force-unsafe-io\n");
    await execDebootstrap(run, { dir, target }, context);
    await rm(join(target, UNSYNCED));
    await requireUsedRelease(target, pinned);
    return await use(target);
  } catch (error) {
    throw systemErrorCode(error) === "ENOSPC" ? await diskFull(context) : error;
  } finally {
    await remove(dir, context);
  }
}

interface Place {
  readonly dir: string;
  readonly target: string;
}

async function execDebootstrap(run: DebootstrapRun, { dir, target }: Place, context: Context): Promise<void> {
  const keyring = join(dir, "keyring.gpg");
  // debootstrap's gpgv reads no armoured keyring.
  await writeFile(keyring, run.keyring.packets);
  await writeFile(join(dir, "wgetrc"), WGETRC);
  const progress = followProgress(context);
  let failed = true;
  try {
    const args = debootstrapArguments(run, { keyring, target });
    const { exitCode, stdout } = await context.exec("setpriv", [...ISOLATION, "debootstrap", ...args], {
      cwd: dir,
      env: { HOME: dir, WGETRC: join(dir, "wgetrc"), ...debootstrapDirOf(context) },
      onStdoutLine: progress.line,
      expectedExitCodes: "any",
      // Nothing here is worth saving, and dpkg and the first process of a namespace do not listen to SIGTERM.
      graceMs: 0,
    });
    failed = exitCode !== 0;
    if (!failed) return;
    const subject = `${run.suite.name} (${run.options.variant}, ${run.architecture}) from ${run.mirror}`;
    throw await explainFailure({ subject, target, exitCode, output: stdout.toString() }, context);
  } finally {
    progress.end(failed);
  }
}

/** debootstrap knows no `--`, so every word was checked by its grammar before. */
export function debootstrapArguments(
  { suite, architecture, mirror, options }: Omit<DebootstrapRun, "keyring" | "inRelease">,
  { keyring, target }: { readonly keyring: string; readonly target: string },
): readonly string[] {
  const { variant, components, include, exclude } = options;
  return [
    `--arch=${architecture}`,
    ...(variant === "default" || variant === "-" ? [] : [`--variant=${variant}`]),
    `--components=${components.join(",")}`,
    ...(include.length > 0 ? [`--include=${include.join(",")}`] : []),
    ...(exclude.length > 0 ? [`--exclude=${exclude.join(",")}`] : []),
    `--keyring=${keyring}`,
    "--force-check-gpg",
    suite.name,
    target,
    mirror,
    ...(suite.script === undefined ? [] : [suite.script]),
  ];
}

/** The allow-list of `exec` does not know this one. */
function debootstrapDirOf({ env }: Context): Readonly<Record<string, string>> {
  const dir = env["DEBOOTSTRAP_DIR"];
  return dir ? { DEBOOTSTRAP_DIR: dir } : {};
}

/** Best effort: the context's owner removes what is left, also after a signal, when no program may be started any more. */
async function remove(dir: string, context: Context): Promise<void> {
  await context.exec("rm", ["-rf", "--one-file-system", "--", dir]).catch(() => {});
}
