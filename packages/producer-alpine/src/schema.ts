import { z } from "zod";
import { parseDependency } from "./apk/dependency.ts";
import type { AlpineOptions } from "./options.ts";

// Loaded when needed: zod is not small.

const OPTIONS = {
  mirror: z.string().min(1).optional().describe("Mirror: an http(s) URL, a file: URL or a folder"),
  variant: z
    .enum(["minirootfs", "packages"])
    .optional()
    .describe("minirootfs (default): what Alpine publishes; packages: made of packages alone"),
  include: z
    .array(z.string().refine((word) => parseDependency(word) !== undefined, "expected a package as for apk add"))
    .optional()
    .describe("Packages to add: curl, python3~3.12, nginx@edge"),
  repository: z
    .array(z.string().regex(/^(?:@[\w.-]+ )?\S+$/, "expected a line of /etc/apk/repositories"))
    .optional()
    .describe("Further repository: URL or folder, with a tag before it: @edge https://…/edge/main"),
  keyring: z.string().min(1).optional().describe("Public key, or folder of keys, besides Alpine's"),
  configure: z
    .enum(["auto", "userns", "chroot", "container", "none"])
    .optional()
    .describe(
      "Where the packages' scripts run: auto (default), userns, chroot, container (Docker, podman); none applies what is known of them and lists the others",
    ),
};

export const alpineSchema: z.ZodType<AlpineOptions> = z.strictObject(OPTIONS);

export const wolfiSchema: z.ZodType<AlpineOptions> = z.strictObject({
  ...OPTIONS,
  variant: z.enum(["packages"]).optional().describe("Wolfi has nothing but packages"),
});
