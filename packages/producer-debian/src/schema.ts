import { COMPONENT, PACKAGE } from "@base-kit/debian-archive";
import { TWEAK_CHOICES } from "@base-kit/debian-tweaks";
import { z } from "zod";
import { CONFIGURE_MODES, type DebianOptions, VARIANTS } from "./options.ts";
import { SNAPSHOT } from "./snapshot.ts";

/** Loaded when needed: zod is not small. */
export const debianSchema: z.ZodType<DebianOptions> = z.strictObject({
  mirror: z.string().min(1).optional().describe("Archive to install from: an http(s) URL, a file: URL or a folder"),
  keyring: z.string().min(1).optional().describe("OpenPGP keys the archive may be signed with (.gpg, .asc, .kbx)"),
  components: z
    .array(z.string().regex(COMPONENT.expression, COMPONENT.rule))
    .min(1)
    .default(["main"])
    .describe("Components of the archive, such as main or universe"),
  variant: z
    .enum(VARIANTS)
    .default("minbase")
    .describe(
      "essential, apt, minbase (required packages and apt), buildd, important, standard, or custom: only --include",
    ),
  include: packages().describe("More packages to install, with what they depend on"),
  exclude: packages().describe("Packages to leave out; an error when another one cannot do without"),
  repository: z
    .array(z.string().min(1))
    .default([])
    .describe("Further archive: deb [signed-by=/keyring.gpg] URL SUITE COMPONENT…"),
  snapshot: z
    .string()
    .regex(SNAPSHOT.expression, SNAPSHOT.rule)
    .optional()
    .describe("The archive as it was: 2026-07-11 or 20260711T101637Z"),
  compat: z
    .enum(["debootstrap"])
    .optional()
    .describe("debootstrap: the packages debootstrap takes, from the suite alone"),
  slim: z
    .boolean()
    .default(false)
    .describe("Leave out documentation, manual pages and translations, as debian:…-slim does"),
  tweaks: z
    .array(z.enum(TWEAK_CHOICES))
    .min(1)
    .default(["default"])
    .describe("What makes a root filesystem a good base image: default, none, or names of single tweaks"),
  configure: z
    .enum(CONFIGURE_MODES)
    .default("auto")
    .describe(
      "Where the packages' own scripts run: chroot (root), userns, container (Docker, podman); auto takes the first of these that works; none runs nothing",
    ),
});

function packages(): z.ZodDefault<z.ZodArray<z.ZodString>> {
  return z.array(z.string().regex(PACKAGE.expression, PACKAGE.rule)).default([]);
}
