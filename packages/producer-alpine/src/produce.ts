import { BaseKitError, type Context, type Lock, type LockedInput, printable, type Rootfs } from "@base-kit/core";
import { describeRootfs, readTextFile, tarSegment } from "@base-kit/rootfs";
import { fetchFile } from "@base-kit/store";
import { alpineArchitecture } from "./architecture.ts";
import { checkOptions } from "./check-options.ts";
import { withEnvironmentCredentials } from "./mirror.ts";

/** As in Docker's alpine image. */
const RUNTIME = {
  env: { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
  cmd: ["/bin/sh"],
} as const;

/** The locked mini root filesystem as it is. */
export async function produce(lock: Lock, context: Context): Promise<Rootfs> {
  await checkOptions(lock.options);
  const { name, url, size, sha256, sha512 } = lockedFile(lock);
  const source = { url: withEnvironmentCredentials(url, context.env), size, sha512 };
  const { path } = await fetchFile({ ...source, digest: `sha256:${sha256}` }, context);
  const segment = await tarSegment(path, context, { name });
  const rootfs = await describeRootfs([segment], lock.platform, RUNTIME);
  await assertArchitecture(rootfs, { name, expected: alpineArchitecture(lock.platform) });
  return rootfs;
}

/** What a lock says, checked as strictly as what a user types: it is a text that anyone may have changed. */
function lockedFile(lock: Lock): Required<Omit<LockedInput, "verifiedBy" | "url" | "facts">> & { readonly url: URL } {
  const files = lock.inputs.filter(({ name }) => /^alpine-minirootfs-[\w.-]+\.tar\.gz$/.test(name));
  const [{ name = "", url = "", size = -1, sha256 = "", sha512 = "" } = {}] = files;
  const isWhole =
    lock.producer === "alpine" &&
    files.length === 1 &&
    /^(?:https?|file):/.test(url) &&
    URL.canParse(url) &&
    Number.isSafeInteger(size) &&
    size > 0 &&
    /^[0-9a-f]{64}$/.test(sha256) &&
    /^[0-9a-f]{128}$/.test(sha512);
  if (isWhole) return { name, url: new URL(url), size, sha256, sha512 };
  throw new BaseKitError("LOCK_INVALID", `the lock of alpine:${printable(lock.release)} is not whole`, {
    kind: "usage",
    hint: "It has to name one alpine-minirootfs-….tar.gz with url, size, sha256 and sha512. Make the lock again.",
  });
}

/** A wrong label on the image would only show on another machine. */
async function assertArchitecture(
  rootfs: Rootfs,
  { name, expected }: { readonly name: string; readonly expected: string },
): Promise<void> {
  const found = (await readTextFile(rootfs, "etc/apk/arch"))?.trim();
  if (found === expected) return;
  const what = found === undefined ? "has no etc/apk/arch" : `is for ${printable(found)}, expected ${expected}`;
  throw new BaseKitError(
    "ALPINE_ROOTFS_INVALID",
    `${printable(name)} is not the root filesystem of an Alpine: it ${what}`,
    {
      kind: "verification",
      hint: "The mirror is not in order; use another one.",
    },
  );
}
