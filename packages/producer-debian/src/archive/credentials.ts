import type { Context } from "@base-kit/core";
import { mirrorVariable } from "./mirrors.ts";
import type { Distribution } from "./suites.ts";

/** As locks, images and messages name it. */
export function publicUrl(url: string): string {
  return Object.assign(new URL(url), { username: "", password: "" }).href;
}

/** A URL of the lock with the credentials that the environment has for the same server. */
export function withCredentials(url: string, distribution: Distribution, { env }: Pick<Context, "env">): string {
  const known = env[mirrorVariable(distribution)];
  if (!known || !URL.canParse(known) || url.startsWith("file:")) return url;
  const { origin, username, password } = new URL(known);
  return new URL(url).origin === origin ? Object.assign(new URL(url), { username, password }).href : url;
}
