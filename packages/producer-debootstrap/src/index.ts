export type { DebootstrapOptions } from "./options.ts";
export { debootstrap } from "./producer.ts";
export { type Build, TWEAKS, type Tweak, type TweakChoice } from "./tweaks/index.ts";
