import { constants } from "node:os";
import { BaseKitError, canonicalJson, type Image, printable } from "@base-kit/core";
import { runtimeFields } from "@base-kit/oci";
import type { EngineImage } from "./client.ts";

/**
 * That the engine has what it was given. A loaded image keeps its id: the digest of the config in graph-driver stores and in
 * podman, the digest of the manifest in containerd's image store.
 *
 * @throws BaseKitError `ENGINE_IMAGE_DIFFERS` (verification)
 */
export function verifyLoaded(found: EngineImage, image: Image): void {
  const expected = [image.config.digest, image.manifest.digest];
  if (!expected.includes(found.id)) differs("id", { expected: expected.join(" or "), found: found.id });
  verifyLayers(found, image);
}

/**
 * The same for an imported layer, where the engine wrote the config: architecture and settings are compared one by one.
 *
 * @throws BaseKitError `ENGINE_IMAGE_DIFFERS` (verification)
 */
export function verifyImported(found: EngineImage, image: Image): void {
  verifyLayers(found, image);
  if (found.architecture !== image.platform.architecture) {
    differs("architecture", { expected: image.platform.architecture, found: found.architecture });
  }
  const asked = runtimeFields(image.runtime);
  for (const field of SETTINGS) {
    const expected = comparable(field, asked[field]);
    const actual = comparable(field, found.config[field]);
    if (expected !== actual) differs(field, { expected, found: actual });
  }
}

export function hasLayersOf(found: EngineImage, image: Image): boolean {
  return canonicalJson(found.diffIds) === canonicalJson(image.layers.map(({ diffId }) => diffId));
}

function verifyLayers(found: EngineImage, image: Image): void {
  if (hasLayersOf(found, image)) return;
  differs("layers (diffIDs)", {
    expected: image.layers.map(({ diffId }) => diffId).join(" "),
    found: found.diffIds.join(" "),
  });
}

const SETTINGS = [
  "Env",
  "Entrypoint",
  "Cmd",
  "User",
  "WorkingDir",
  "ExposedPorts",
  "Volumes",
  "Labels",
  "StopSignal",
] as const;

/** Engines write nothing as null, "", [] or {}. */
function comparable(field: (typeof SETTINGS)[number], value: unknown): string {
  if (value === undefined || value === null || value === "") return "nothing";
  if (typeof value === "object" && Object.keys(value).length === 0) return "nothing";
  if (field === "StopSignal") return signalNumber(String(value));
  return canonicalJson(value);
}

/** Podman keeps the number. */
function signalNumber(name: string): string {
  const number = (constants.signals as Readonly<Record<string, number>>)[name.startsWith("SIG") ? name : `SIG${name}`];
  return String(number ?? name);
}

function differs(what: string, { expected, found }: { readonly expected: string; readonly found: string }): never {
  throw new BaseKitError(
    "ENGINE_IMAGE_DIFFERS",
    `the engine's image is not the one it was given: ${what}: expected ${printable(expected)}, found ${printable(found)}`,
    {
      kind: "verification",
      hint: "No name was set or moved. If this was docker import, use the import mode load, which keeps every byte.",
    },
  );
}
