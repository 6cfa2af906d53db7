import { printable } from "@base-kit/core";
import type { EngineFacts } from "./engine.ts";

/** From the answers to `GET /version` and `GET /info`, of which Docker and podman fill in different parts. */
export function engineFacts(version: Record<string, unknown>, info: unknown): EngineFacts {
  const text = (name: string) => (typeof version[name] === "string" ? printable(version[name]) : "unknown");
  const storage = storageOf(info);
  return {
    version: text("Version"),
    architecture: text("Arch"),
    ...(storage === undefined ? {} : { storage }),
    ...(isRecord(info) && typeof info["DockerRootDir"] === "string" ? { dataRoot: info["DockerRootDir"] } : {}),
  };
}

/** The storage of {@link EngineFacts}, from the answer to `GET /info`. */
export function storageOf(info: unknown): string | undefined {
  if (!isRecord(info) || typeof info["Driver"] !== "string" || info["Driver"] === "") return undefined;
  const driver = printable(info["Driver"]);
  const status = Array.isArray(info["DriverStatus"]) ? info["DriverStatus"] : [];
  const type = status.find((pair) => Array.isArray(pair) && pair[0] === "driver-type") as unknown[] | undefined;
  return String(type?.[1]).startsWith("io.containerd.snapshotter") ? `containerd snapshotter (${driver})` : driver;
}

export function parseAnswer(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
