import { chmod, mkdtemp, open, rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BaseKitError, type Context, printable } from "@base-kit/core";

/** Less than any release needs; how much it really is depends on the packages. */
const LEAST_FREE_BYTES = 128 * 1024 ** 2;

/** debootstrap in namespaces of its own, that end with the process that started them; see `runDebootstrap`. */
export const ISOLATION: readonly string[] = [
  ...["--pdeathsig", "KILL", "--", "unshare", "--mount", "--pid", "--fork", "--kill-child"],
  ...["--propagation", "private", "--"],
];

/**
 * Finds out before anything is downloaded whether debootstrap can work here, and says what is missing.
 *
 * @throws BaseKitError `NOT_LINUX` (unsupported); `NOT_ROOT`, `NAMESPACES_REFUSED`, `TEMP_DIR_NODEV`, `TEMP_DIR_NOEXEC`,
 * `TEMP_DIR_NAME`, `DISK_FULL` (environment)
 */
export async function requireAbleHost(context: Context): Promise<void> {
  if (process.platform !== "linux") {
    throw new BaseKitError("NOT_LINUX", `debootstrap needs Linux, this is ${process.platform}`, {
      kind: "unsupported",
    });
  }
  if (process.getuid?.() !== 0) {
    throw environment(
      "NOT_ROOT",
      "debootstrap needs root: it makes device nodes and changes owners",
      "Run base-kit with sudo.",
    );
  }
  // debootstrap does not quote all paths.
  if (!/^[A-Za-z0-9._~/+@=,-]+$/.test(context.tempDir)) {
    const message = `debootstrap cannot work in the folder ${printable(context.tempDir)}`;
    throw environment(
      "TEMP_DIR_NAME",
      message,
      "Set TMPDIR to a folder whose path has only letters, digits and . _ ~ + @ = , -",
    );
  }
  await requireNamespaces(context);
  const probe = await mkdtemp(join(context.tempDir, "probe-"));
  try {
    await requireDevices(probe, context);
    await requireExecution(probe, context);
  } finally {
    await rm(probe, { recursive: true, force: true });
  }
  await requireSpace(context);
}

async function requireNamespaces(context: Context): Promise<void> {
  const { exitCode, stderr } = await context.exec("setpriv", [...ISOLATION, "true"], { expectedExitCodes: "any" });
  if (exitCode === 0) return;
  throw environment(
    "NAMESPACES_REFUSED",
    `debootstrap cannot get mounts and processes of its own: ${printable(stderr.trim())}`,
    "In a container, give it the capability SYS_ADMIN (docker run --cap-add SYS_ADMIN --security-opt apparmor=unconfined …).",
  );
}

async function requireDevices(dir: string, context: Context): Promise<void> {
  const device = join(dir, "null");
  const { exitCode, stderr } = await context.exec("mknod", [device, "c", "1", "3"], { expectedExitCodes: "any" });
  if (exitCode !== 0) {
    const message = `device nodes cannot be made in ${printable(context.tempDir)}: ${printable(stderr.trim())}`;
    throw environment(
      "TEMP_DIR_NODEV",
      message,
      "The capability MKNOD is missing, or the file system has no devices: set TMPDIR to another.",
    );
  }
  try {
    await (await open(device, "w")).close();
  } catch (cause) {
    throw await mounted(context, "nodev", "TEMP_DIR_NODEV", cause);
  }
}

async function requireExecution(dir: string, context: Context): Promise<void> {
  const program = join(dir, "program");
  await writeFile(program, "#!/bin/sh\n");
  await chmod(program, 0o755);
  try {
    await context.exec(program, []);
  } catch (cause) {
    context.signal.throwIfAborted();
    throw await mounted(context, "noexec", "TEMP_DIR_NOEXEC", cause);
  }
}

async function mounted(context: Context, option: string, code: string, cause: unknown): Promise<BaseKitError> {
  const mount = await mountPoint(context);
  const message = `debootstrap cannot work in ${printable(context.tempDir)}: ${printable(mount)} is mounted with ${option}`;
  return environment(code, message, `Set TMPDIR to a folder on a file system without ${option}.`, cause);
}

async function requireSpace(context: Context): Promise<void> {
  const { bavail, bsize } = await statfs(context.tempDir);
  if (bavail * bsize >= LEAST_FREE_BYTES) return;
  throw await diskFull(context);
}

/** For when the disk turns out to be too small, before or while debootstrap runs. */
export async function diskFull(context: Context): Promise<BaseKitError> {
  const { bavail, bsize, blocks } = await statfs(context.tempDir);
  const [free, size] = [bavail, blocks].map((count) => `${Math.floor((count * bsize) / 1024 ** 2)} MiB`);
  const message = `the disk is full: ${printable(await mountPoint(context))} has ${free} of ${size} free`;
  return environment(
    "DISK_FULL",
    message,
    "A minbase system needs about 700 MiB while it is made. Set TMPDIR to a folder with more room.",
  );
}

async function mountPoint(context: Context): Promise<string> {
  const { stdout } = await context.exec("df", ["--output=target", "--", context.tempDir]);
  return stdout.toString().trim().split("\n").at(-1) ?? "";
}

function environment(code: string, message: string, hint: string, cause?: unknown): BaseKitError {
  return new BaseKitError(code, message, { kind: "environment", hint, ...(cause === undefined ? {} : { cause }) });
}
