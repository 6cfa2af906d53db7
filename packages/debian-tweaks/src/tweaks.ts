import type { Rootfs } from "@base-kit/core";
import { dockerAutoremoveSuggests, dockerClean, dockerGzipIndexes, dockerNoLanguages } from "./apt-config.ts";
import { autoInstalled } from "./apt-state.ts";
import { dockerAptSpeedup } from "./dpkg-config.ts";
import { hostNames, machineId, rootDirectory, shadowDays } from "./host-traces.ts";
import { aptCaches, logs, pseudoFilesystems } from "./leftovers.ts";
import { initctl, policyRcD } from "./services.ts";
import { slim } from "./slim.ts";
import type { Build, Tweak } from "./tweak.ts";

/** All tweaks, in the order they are applied. Source of the set: debuerreotype, which makes the official images. */
export const TWEAKS: readonly Tweak[] = [
  autoInstalled,
  hostNames,
  rootDirectory,
  shadowDays,
  policyRcD,
  initctl,
  dockerAptSpeedup,
  dockerAutoremoveSuggests,
  dockerClean,
  dockerGzipIndexes,
  dockerNoLanguages,
  aptCaches,
  logs,
  machineId,
  pseudoFilesystems,
];

/** What `--tweaks` takes: `default` (all), `none`, or names. */
export type TweakChoice = string;
/** All that may be chosen. */
export const TWEAK_CHOICES: readonly string[] = ["default", "none", ...TWEAKS.map(({ name }) => name)];

/** The chosen ones, in the order they are applied. */
export function chosenTweaks(choice: readonly TweakChoice[]): readonly Tweak[] {
  return TWEAKS.filter(({ name }) => choice.includes("default") || choice.includes(name));
}

export interface Chosen extends Build {
  readonly tweaks: readonly TweakChoice[];
  /** Whether documentation, manual pages and translations are left out. */
  readonly slim: boolean;
}

/** Makes a base image's tree of a system's: the chosen tweaks in their order, and then `slim`. */
export async function applyTweaks(rootfs: Rootfs, chosen: Chosen): Promise<Rootfs> {
  let tweaked = rootfs;
  for (const tweak of chosenTweaks(chosen.tweaks)) tweaked = await tweak.apply(tweaked, chosen);
  return chosen.slim ? slim(tweaked, chosen) : tweaked;
}
