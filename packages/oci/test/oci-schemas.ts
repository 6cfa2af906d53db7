import { expect } from "vitest";

/**
 * The JSON schemas of the OCI image specification 1.1 (schema/*.json there), as far as they say anything about documents without
 * extensions, written as what vitest compares. Members that the schemas do not know are refused too: we write none.
 */

const DIGEST = expect.stringMatching(/^sha256:[a-f0-9]{64}$/);
const TIME = expect.stringMatching(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/);
const MEDIA_TYPE = /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/;
const PORT = /^\d+(?:\/(?:tcp|udp|sctp))?$/;

type Json = Readonly<Record<string, unknown>>;

export function expectConfig(value: unknown): void {
  const config = only(value, ["created", "architecture", "variant", "os", "config", "rootfs", "history"]);
  expect(config).toMatchObject({ architecture: expect.any(String), os: "linux", created: TIME });
  const rootfs = only(config["rootfs"], ["type", "diff_ids"]);
  expect(rootfs["type"]).toBe("layers");
  const diffIds = list(rootfs["diff_ids"]);
  for (const diffId of diffIds) expect(diffId).toEqual(DIGEST);
  const history = list(config["history"]);
  expect(history).toHaveLength(diffIds.length);
  for (const each of history) expect(each).toEqual({ created: TIME, created_by: expect.any(String) });
  expectSettings(config["config"]);
}

function expectSettings(value: unknown): void {
  const settings = only(value, [
    "User",
    "ExposedPorts",
    "Env",
    "Entrypoint",
    "Cmd",
    "Volumes",
    "WorkingDir",
    "Labels",
    "StopSignal",
  ]);
  for (const name of ["User", "WorkingDir", "StopSignal"]) {
    if (settings[name] !== undefined) expect(settings[name]).toEqual(expect.any(String));
  }
  for (const name of ["Env", "Entrypoint", "Cmd"]) for (const each of list(settings[name] ?? [])) text(each);
  for (const each of list(settings["Env"] ?? [])) expect(each).toMatch(/^[^=]+=/);
  for (const [port, nothing] of Object.entries((settings["ExposedPorts"] ?? {}) as Json)) {
    expect(port).toMatch(PORT);
    expect(nothing).toEqual({});
  }
  for (const nothing of Object.values((settings["Volumes"] ?? {}) as Json)) expect(nothing).toEqual({});
  for (const each of Object.values((settings["Labels"] ?? {}) as Json)) text(each);
}

export function expectManifest(value: unknown): void {
  const manifest = only(value, ["schemaVersion", "mediaType", "config", "layers", "annotations"]);
  expect(manifest).toMatchObject({ schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json" });
  expectDescriptor(manifest["config"]);
  const layers = list(manifest["layers"]);
  expect(layers.length).toBeGreaterThan(0);
  for (const layer of layers) expectDescriptor(layer);
  expectAnnotations(manifest["annotations"]);
}

export function expectIndex(value: unknown): void {
  const index = only(value, ["schemaVersion", "mediaType", "manifests", "annotations"]);
  expect(index).toMatchObject({ schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json" });
  for (const each of list(index["manifests"])) {
    expectDescriptor(each);
    const platform = only((each as Json)["platform"], ["architecture", "os", "variant"]);
    expect(platform).toMatchObject({ architecture: expect.any(String), os: "linux" });
  }
  expectAnnotations(index["annotations"]);
}

function expectDescriptor(value: unknown): void {
  const descriptor = only(value, ["mediaType", "digest", "size", "platform", "annotations"]);
  expect(descriptor["mediaType"]).toMatch(MEDIA_TYPE);
  expect(descriptor["digest"]).toEqual(DIGEST);
  expect(Number.isSafeInteger(descriptor["size"]) && (descriptor["size"] as number) >= 0).toBe(true);
  expectAnnotations(descriptor["annotations"]);
}

function expectAnnotations(value: unknown): void {
  for (const [name, each] of Object.entries((value ?? {}) as Json)) {
    expect(name).not.toBe("");
    text(each);
  }
}

function only(value: unknown, names: readonly string[]): Json {
  expect(value).toBeTypeOf("object");
  expect(Object.keys(value as Json).filter((name) => !names.includes(name))).toEqual([]);
  return value as Json;
}

function list(value: unknown): readonly unknown[] {
  expect(Array.isArray(value)).toBe(true);
  return value as readonly unknown[];
}

function text(value: unknown): void {
  expect(value).toBeTypeOf("string");
}
