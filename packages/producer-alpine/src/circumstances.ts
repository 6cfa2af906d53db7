import { createHash } from "node:crypto";
import type { Lock } from "@base-kit/core";
import { alpineArchitecture } from "./architecture.ts";
import { type EmulationOptions, isExecutable } from "./install/is-executable.ts";
import { trustedKeys } from "./keys.ts";

/**
 * Besides the lock keys matter, by which each package's signature is checked, and whether scripts can run; where they run makes no
 * difference.
 *
 * @throws BaseKitError `KEYRING_INVALID` (usage)
 */
export async function circumstances(
  { producer, inputs, options, platform }: Lock,
  emulation: EmulationOptions = {},
): Promise<string> {
  if (!inputs.some(({ name }) => name.endsWith(".apk"))) return "no packages";
  const { keyring, configure } = options;
  const architecture = alpineArchitecture(platform);
  const keys = await trustedKeys({ producer, architecture, keyring });
  const hash = createHash("sha256");
  for (const [name, key] of keys) hash.update(`${name}\0`).update(key.export({ type: "spki", format: "pem" }));
  const run = configure !== "none" && (await isExecutable(architecture, emulation));
  return `keys sha256:${hash.digest("hex")}, scripts ${run ? "run" : "do not run"}`;
}
