import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

export interface PrivateDockerd {
  /** For DOCKER_HOST. */
  readonly host: string;
  kill(): void;
  stop(): Promise<void>;
}

const STARTER = new URL("../../../tools/testing/private-engine.mjs", import.meta.url).href;

/** A dockerd for a test that does it harm. */
export async function startPrivateDockerd(): Promise<PrivateDockerd> {
  const { startPrivateEngine } = await import(STARTER);
  const options = { note: () => {}, signal: new AbortController().signal };
  const { host, stop }: { readonly host: string; readonly stop: () => Promise<void> } =
    await startPrivateEngine(options);
  const folder = dirname(host.slice("unix://".length));
  return { host, stop, kill: () => process.kill(Number(readFileSync(join(folder, "pid"), "utf8")), "SIGKILL") };
}
