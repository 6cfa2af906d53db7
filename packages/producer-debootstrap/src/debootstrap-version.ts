import { BaseKitError, type Context, isBaseKitError } from "@base-kit/core";

/** @throws BaseKitError `DEBOOTSTRAP_MISSING` (environment) */
export async function debootstrapVersion(context: Pick<Context, "exec">): Promise<string> {
  const { stdout } = await context.exec("debootstrap", ["--version"]).catch(explainMissing);
  return stdout
    .toString()
    .trim()
    .replace(/^debootstrap /, "");
}

function explainMissing(error: unknown): never {
  if (!isBaseKitError(error) || error.code !== "EXEC_NOT_FOUND") throw error;
  throw new BaseKitError("DEBOOTSTRAP_MISSING", "debootstrap is not installed", {
    kind: "environment",
    hint: "Install it (apt-get install debootstrap, dnf install debootstrap).",
    cause: error,
  });
}
