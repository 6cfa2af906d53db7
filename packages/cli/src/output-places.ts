import type { Context } from "@base-kit/core";
import { requireLayoutPlace } from "@base-kit/oci";
import { requireDirectoryPlace, requireTarFor } from "./directory-sink.ts";
import { comesWith, filesOf, requireFilePlace } from "./file-places.ts";
import type { Output } from "./options/outputs.ts";

/**
 * That the outputs can be written where they are wanted, one after the other, before anything is made for them.
 *
 * @throws BaseKitError `WRITE_FAILED` (environment); as `requireLayoutPlace`, `requireDirectoryPlace` and `requireTarFor`
 */
export async function requireOutputPlaces(outputs: readonly Output[], context: Context): Promise<void> {
  for (const [at, output] of outputs.entries()) {
    const comes = comesWith(outputs.slice(0, at));
    if (output.transport === "oci") await requireLayoutPlace(output.path, comes);
    else if (output.transport === "rootfs") {
      await requireDirectoryPlace(output.path, comes);
      await requireTarFor(output.path, context);
    } else for (const { path } of filesOf([output])) requireFilePlace(path, comes);
  }
}
