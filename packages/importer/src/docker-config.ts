import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { BaseKitError, type Context, printable, systemErrorCode, systemErrorReason } from "@base-kit/core";

/** A context of the docker program (`docker context create`), as far as it says where the engine is. */
export interface DockerContext {
  readonly name: string;
  readonly host: string;
  /** Where `ca.pem`, `cert.pem` and `key.pem` lie, if there are any. */
  readonly tlsFolder: string | undefined;
  readonly skipTlsVerify: boolean;
}

/** Docker's own files are a few kilobytes; whatever is larger is something else. */
const FILE_AT_MOST = 4 * 1024 ** 2;

/** `DOCKER_CONFIG`, or `~/.docker`. */
export function dockerConfigFolder(env: Context["env"]): string | undefined {
  if (env["DOCKER_CONFIG"]) return env["DOCKER_CONFIG"];
  return env["HOME"] ? join(env["HOME"], ".docker") : undefined;
}

/**
 * The context that `docker context use` chose; undefined when there is none.
 *
 * @throws BaseKitError `DOCKER_CONFIG_INVALID` (environment)
 */
export function currentContext(folder: string): string | undefined {
  const config = readJson(join(folder, "config.json"));
  const name = isRecord(config) ? config["currentContext"] : undefined;
  return typeof name === "string" && name !== "" ? name : undefined;
}

/**
 * Looks a context up in Docker's context store (github.com/docker/cli, cli/context/store): the folder's name is the SHA-256
 * of the context's name.
 *
 * @throws BaseKitError `ENGINE_CONTEXT_UNKNOWN` (usage) or `DOCKER_CONFIG_INVALID` (environment)
 */
export function readContext(folder: string, name: string, source: string): DockerContext {
  const id = createHash("sha256").update(name).digest("hex");
  const file = join(folder, "contexts", "meta", id, "meta.json");
  const metadata = readJson(file);
  if (metadata === undefined) throw unknownContext(folder, name, source);
  const endpoints = isRecord(metadata) ? metadata["Endpoints"] : undefined;
  const endpoint = isRecord(endpoints) ? endpoints["docker"] : undefined;
  const host = isRecord(endpoint) ? endpoint["Host"] : undefined;
  if (!isRecord(endpoint) || typeof host !== "string" || host === "")
    throw invalid(file, "it names no docker endpoint");
  const tlsFolder = join(folder, "contexts", "tls", id, "docker");
  return {
    name,
    host,
    tlsFolder: existsSync(tlsFolder) ? tlsFolder : undefined,
    skipTlsVerify: endpoint["SkipTLSVerify"] === true,
  };
}

function unknownContext(folder: string, name: string, source: string): BaseKitError {
  const known = ["default", ...contextNames(folder)].map(printable).join(", ");
  return new BaseKitError("ENGINE_CONTEXT_UNKNOWN", `there is no Docker context ${printable(name)} (from ${source})`, {
    kind: "usage",
    hint: `Contexts in ${printable(folder)}: ${known}.`,
  });
}

function contextNames(folder: string): readonly string[] {
  const metadata = join(folder, "contexts", "meta");
  if (!existsSync(metadata)) return [];
  return readdirSync(metadata)
    .flatMap((id) => {
      try {
        const context = readJson(join(metadata, id, "meta.json"));
        return isRecord(context) && typeof context["Name"] === "string" ? [context["Name"]] : [];
      } catch {
        return [];
      }
    })
    .sort();
}

function readJson(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw invalid(file, `it cannot be read: ${systemErrorReason(error)}`, error);
  }
  if (text.length > FILE_AT_MOST) throw invalid(file, "it is too large");
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalid(file, "it is not JSON", error);
  }
}

function invalid(file: string, why: string, cause?: unknown): BaseKitError {
  return new BaseKitError("DOCKER_CONFIG_INVALID", `Docker's file ${printable(file)} cannot be used: ${why}`, {
    kind: "environment",
    hint: "Repair it, or say where the engine is with DOCKER_HOST.",
    cause,
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
