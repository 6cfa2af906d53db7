import { COMPONENT, PACKAGE } from "@base-kit/debian-archive";
import { TWEAK_CHOICES } from "@base-kit/debian-tweaks";
import { z } from "zod";
import type { DebootstrapOptions } from "./options.ts";

/** Loaded when needed: zod is not small. What becomes an argument of debootstrap is checked here, letter by letter. */
export const debootstrapSchema: z.ZodType<DebootstrapOptions> = z.strictObject({
  mirror: z.string().min(1).optional().describe("Archive to install from: an http(s) URL, a file: URL or a folder"),
  keyring: z.string().min(1).optional().describe("OpenPGP keys the archive may be signed with (.gpg, .asc, .kbx)"),
  components: z
    .array(z.string().regex(COMPONENT.expression, COMPONENT.rule))
    .min(1)
    .default(["main"])
    .describe("Components of the archive, such as main or universe"),
  variant: z
    .enum(["minbase", "buildd", "default", "-"])
    .default("minbase")
    .describe("minbase: required packages and apt; buildd: with build-essential; default: also the important packages"),
  include: packages().describe("More packages to install, with what they depend on"),
  exclude: packages().describe("Packages to leave out, even if something needs them"),
  slim: z
    .boolean()
    .default(false)
    .describe("Leave out documentation, manual pages and translations, as debian:…-slim does"),
  tweaks: z
    .array(z.enum(TWEAK_CHOICES))
    .min(1)
    .default(["default"])
    .describe("What makes a root filesystem a good base image: default, none, or names of single tweaks"),
});

function packages(): z.ZodDefault<z.ZodArray<z.ZodString>> {
  return z.array(z.string().regex(PACKAGE.expression, PACKAGE.rule)).default([]);
}
