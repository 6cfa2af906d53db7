import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { locationOf } from "./requirements.ts";

/** A root filesystem in a directory, to be read alone. */
export interface DebootstrapTree extends Disposable {
  readonly dir: string;
}

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
const POLL_MS = 200;

/**
 * What the real debootstrap makes of a suite of the Debian archive that `requires("debian-mirror")` found, in its variant
 * minbase, when nobody helps it. Also needs `debootstrap`, `unshare` and `root`. Half a minute the first time; the folder that
 * `npm test` names in `BASE_KIT_TEST_SHARED` keeps one of each suite for all tests.
 */
export async function debootstrapTree(suite: string): Promise<DebootstrapTree> {
  const shared = process.env["BASE_KIT_TEST_SHARED"];
  if (shared) return { dir: await sharedTree(shared, suite), [Symbol.dispose]: () => {} };
  const parent = mkdtempSync(join(tmpdir(), "base-kit-debootstrap-"));
  const remove = () => rmSync(parent, { recursive: true, force: true });
  try {
    return { dir: await debootstrap(suite, join(parent, "root")), [Symbol.dispose]: remove };
  } catch (error) {
    remove();
    throw error;
  }
}

/** Of several that want it at the same time one makes it, and the others wait. */
async function sharedTree(shared: string, suite: string): Promise<string> {
  const kept = join(shared, `debootstrap-${suite}`);
  const making = `${kept}.making`;
  for (;;) {
    if (existsSync(kept)) return kept;
    try {
      mkdirSync(making);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      await sleep(POLL_MS);
      continue;
    }
    try {
      // Who waited for it may have got the folder of one that has just been made.
      if (!existsSync(kept)) renameSync(await debootstrap(suite, join(making, "root")), kept);
    } finally {
      rmSync(making, { recursive: true, force: true });
    }
  }
}

async function debootstrap(suite: string, target: string): Promise<string> {
  mkdirSync(target);
  const mirror = locationOf("debian-mirror").replace(/\/+$/, "");
  const args = ["--variant=minbase", `--keyring=${KEYRING}`, "--force-check-gpg", suite, target, mirror];
  const command = ["--mount", "--propagation", "private", "--", "debootstrap", ...args];
  // It is of no use after a power cut: dpkg need not wait for the disk after each file.
  const env = { ...process.env, DPKG_FORCE: "unsafe-io" };
  await promisify(execFile)("unshare", command, { env, maxBuffer: 2 ** 26 });
  return target;
}
