import { z } from "zod";
import type { ScratchRequest } from "./scratch-producer.ts";

const text = z.string().optional();
const texts = z.array(z.string()).optional();

/** Loaded when needed: zod is not small. */
export const scratchSchema = z.strictObject({
  programs: z.array(z.string()).min(1),
  arch: text,
  root: text,
  fromImage: text,
  with: texts,
  without: texts,
  caCertificates: text,
  env: texts,
  user: text,
  workdir: text,
  entrypoint: text,
  cmd: text,
}) as unknown as z.ZodType<ScratchRequest>;
