import { randomBytes } from "node:crypto";
import type { Architecture, Context, Entry, Image, RuntimeConfig } from "@base-kit/core";
import { buildImage } from "@base-kit/oci";
import { fileEntry } from "@base-kit/rootfs";
import { printingProgram } from "@base-kit/testing";

export interface TestImageOptions {
  readonly runtime?: RuntimeConfig;
  readonly architecture?: Architecture;
  readonly compression?: "none" | "gzip";
  /** Random bytes in the layer, to give an engine some work. @default 0 */
  readonly ballast?: number;
}

/** On every image of `markedImage` that has no settings of its own: others work with the same engine. */
export const MARK: Readonly<Record<string, string>> = { "base-kit-test": randomBytes(8).toString("hex") };

/** A small image that no engine has seen before: it prints `hello from base-kit`. */
export async function testImage(context: Context, options: TestImageOptions = {}): Promise<Image> {
  const { architecture = "amd64", compression = "none", ballast = 0 } = options;
  const { runtime = { cmd: ["/hello"] } } = options;
  const entries: readonly Entry[] = [
    fileEntry("hello", printingProgram("hello from base-kit\n"), { mode: 0o755 }),
    fileEntry("serial", randomBytes(16).toString("hex")),
    ...(ballast === 0 ? [] : [fileEntry("ballast", randomBytes(ballast))]),
  ];
  const segment = { key: "test", origin: "base", entries: () => entries };
  const platform = { os: "linux", architecture } as const;
  return buildImage(
    { platform, osRelease: {}, packages: [], segments: [segment], runtime },
    { created: 1_000_000_000, compression },
    context,
  );
}

/** A test image that its label tells from those of others. */
export function markedImage(context: Context, options: TestImageOptions = {}): Promise<Image> {
  return testImage(context, { runtime: { cmd: ["/hello"], labels: MARK }, ...options });
}
