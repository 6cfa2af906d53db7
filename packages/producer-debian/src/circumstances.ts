import type { Lock } from "@base-kit/core";
import { isExecutable } from "@base-kit/debian-archive";

/** Where scripts run makes no difference; whether they can does, with `--configure auto`. */
export async function circumstances({ platform, options }: Lock): Promise<string> {
  if (options["configure"] === "none") return "no scripts";
  return (await isExecutable(platform)) ? "scripts run" : "scripts cannot run";
}
