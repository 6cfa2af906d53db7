import { createHash } from "node:crypto";
import type { Lock } from "@base-kit/core";
import { alpineArchitecture } from "./architecture.ts";
import { trustedKeys } from "./keys.ts";

/**
 * Besides the lock only keys matter, by which each package's signature is checked; where scripts run makes no difference.
 *
 * @throws BaseKitError `KEYRING_INVALID` (usage)
 */
export async function circumstances({ inputs, options, platform }: Lock): Promise<string> {
  if (!inputs.some(({ name }) => name.endsWith(".apk"))) return "no packages";
  const { keyring } = options;
  const keys = await trustedKeys(alpineArchitecture(platform), typeof keyring === "string" ? keyring : undefined);
  const hash = createHash("sha256");
  for (const [name, key] of keys) hash.update(`${name}\0`).update(key.export({ type: "spki", format: "pem" }));
  return `keys sha256:${hash.digest("hex")}`;
}
