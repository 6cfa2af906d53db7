import { realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { BaseKitError, printable } from "@base-kit/core";
import { outputPlace, requireRoomFor } from "@base-kit/store";
import { isPiped, type Output } from "./options/outputs.ts";
import { STANDARD_OUTPUT } from "./standard-output.ts";

/**
 * That a file can be written where it is wanted, before anything is made for it: no device is there, and a folder is.
 *
 * @param comes whether a folder will have come into being by then
 * @throws BaseKitError `WRITE_FAILED` (environment)
 */
export function requireFilePlace(path: string, comes: (folder: string) => boolean = () => false): void {
  const place = outputPlace(path);
  if (!comes(dirname(place))) requireRoomFor(place);
}

export interface NamedFile {
  /** The option. */
  readonly named: string;
  readonly path: string;
}

export function filesOf(outputs: readonly Output[]): readonly NamedFile[] {
  return outputs.flatMap((output) => {
    if (!("path" in output) || !isPiped(output.transport) || output.path === STANDARD_OUTPUT) return [];
    return [{ named: `-o ${output.transport}:${printable(output.path)}`, path: output.path }];
  });
}

/**
 * That none of them takes the place of another, by whatever name and through whatever link.
 *
 * @throws BaseKitError `OPTION_INVALID` (usage)
 */
export async function requireDistinctPlaces(files: readonly NamedFile[]): Promise<void> {
  const owners = new Map<string, string>();
  for (const { named, path } of files) {
    const place = outputPlace(path);
    const whole = join(realFolder(dirname(place)), basename(place));
    const other = owners.get(whole);
    if (other !== undefined) throw excluded(`${other} and ${named}`);
    owners.set(whole, named);
  }
}

function realFolder(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

export function excluded(what: string): BaseKitError {
  return new BaseKitError("OPTION_INVALID", `${what} exclude each other`, {
    kind: "usage",
    hint: "Name a file of its own for each.",
  });
}

/** Whether a folder is made by one of these, or in one that is: what comes after them may lie in it. */
export function comesWith(outputs: readonly Output[]): (folder: string) => boolean {
  const made = outputs.flatMap((output) =>
    output.transport === "oci" || output.transport === "rootfs" ? `${resolve(output.path)}/` : [],
  );
  return (folder) => made.some((each) => `${resolve(folder)}/`.startsWith(each));
}

/** What an image is written to on this machine. */
export interface WrittenPlace {
  readonly path: string;
  /** A root filesystem as a directory; an OCI image layout. */
  readonly as: "file" | "directory" | "layout";
}

export function writtenPlaces(
  outputs: readonly Output[],
  sboms: readonly { readonly path: string }[],
): readonly WrittenPlace[] {
  const files = [...filesOf(outputs), ...sboms.filter(({ path }) => path !== STANDARD_OUTPUT)];
  const folders = outputs.flatMap((output) => {
    if (output.transport === "rootfs") return { path: output.path, as: "directory" } as const;
    return output.transport === "oci" ? ({ path: output.path, as: "layout" } as const) : [];
  });
  return [...files.map(({ path }) => ({ path, as: "file" }) as const), ...folders];
}
