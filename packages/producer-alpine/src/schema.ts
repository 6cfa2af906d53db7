import { z } from "zod";
import type { AlpineOptions } from "./options.ts";

/** Loaded when needed: zod is not small. */
export const alpineSchema: z.ZodType<AlpineOptions> = z.strictObject({
  mirror: z.string().min(1).optional().describe("Alpine mirror: an http(s) URL, a file: URL or a folder"),
});
