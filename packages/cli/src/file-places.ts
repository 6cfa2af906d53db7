import { outputPlace, requireFolderOf } from "@base-kit/store";
import { isPiped, type Output } from "./options/outputs.ts";
import { STANDARD_OUTPUT } from "./standard-output.ts";

/**
 * That the files can be written where they are wanted, before anything is made for them: no device is there, and a folder is.
 *
 * @throws BaseKitError `WRITE_FAILED` (environment)
 */
export async function requireFilePlaces(outputs: readonly Output[]): Promise<void> {
  const hasFolder = !makesFolders(outputs);
  for (const output of outputs) {
    if (!("path" in output) || !isPiped(output.transport) || output.path === STANDARD_OUTPUT) continue;
    const place = await outputPlace(output.path);
    if (hasFolder) await requireFolderOf(place);
  }
}

/** A file may lie beside what these make. */
export function makesFolders(outputs: readonly Output[]): boolean {
  return outputs.some(({ transport }) => transport === "oci" || transport === "rootfs");
}
