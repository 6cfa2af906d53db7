import { BaseKitError, type ByteString, printable } from "@base-kit/core";

/** Files of a machine that an image must not carry by accident. */
const SECRETS: readonly RegExp[] = [
  /^\/etc\/g?shadow-?$/,
  /^\/etc\/sudoers/,
  /^\/etc\/ssl\/private\//,
  /^\/etc\/ssh\/ssh_host_.*_key$/,
  /^\/etc\/krb5\.keytab$/,
  /^\/etc\/machine-id$/,
  /\/\.(?:ssh|gnupg|aws|kube|docker)\//,
  /\/\.(?:env|netrc|npmrc|pypirc|git-credentials|bash_history|pgpass)(?:\.[^/]*)?$/,
  /\/id_(?:rsa|dsa|ecdsa|ed25519)$/,
];

/** @throws BaseKitError `SCRATCH_SECRET` (usage) */
export function refuseSecret(path: ByteString | string, root = ""): void {
  if (!isSecret(path)) return;
  throw new BaseKitError("SCRATCH_SECRET", `${printable(root + path)} is refused: it holds secrets of this machine`, {
    kind: "usage",
    hint: "Everyone who has the image could read it. Mount it when the container starts. Nothing was written.",
  });
}

export function isSecret(path: string): boolean {
  return SECRETS.some((pattern) => pattern.test(path));
}
