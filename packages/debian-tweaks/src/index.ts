export { slim } from "./slim.ts";
export type { Build, Tweak } from "./tweak.ts";
export { applyTweaks, type Chosen, TWEAK_CHOICES, TWEAKS, type TweakChoice } from "./tweaks.ts";
