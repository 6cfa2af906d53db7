import { spawnSync } from "node:child_process";

export interface Sought {
  /** Path below each address. */
  readonly file: string;
  /** What its text has to contain. @default anything */
  readonly containing?: string;
}

const SECONDS = 8;

/**
 * The first address, in the order given, that serves a file; all are asked at once. Waits for the answer, because what
 * a test skips is decided before anything asynchronous can run.
 */
export function firstReachable(addresses: readonly string[], { file, containing = "" }: Sought): string | undefined {
  const { stdout, status } = spawnSync(
    process.execPath,
    ["--input-type=module", "--eval", ASK, JSON.stringify({ addresses, file, containing, seconds: SECONDS })],
    { encoding: "utf8", timeout: (SECONDS + 5) * 1000, stdio: ["ignore", "pipe", "ignore"] },
  );
  return status === 0 && stdout !== "" ? stdout : undefined;
}

const ASK = `
const { addresses, file, containing, seconds } = JSON.parse(process.argv[1]);
const signal = AbortSignal.timeout(seconds * 1000);
async function serves(address) {
  try {
    const response = await fetch(address + "/" + file, { signal });
    return response.ok && (await response.text()).includes(containing);
  } catch {
    return false;
  }
}
const answers = addresses.map(serves);
for (const [n, answer] of answers.entries()) {
  if (await answer) {
    process.stdout.write(addresses[n]);
    break;
  }
}
process.exit();
`;
