import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Keyring } from "../src/index.ts";
import { parseGpgvStatus, type SignatureStatus } from "./gpgv-status.ts";

/** What the real gpgv says about each signature; it is the oracle for what is computed here. */
export function gpgv(files: readonly (string | Uint8Array)[], keyring: Keyring): readonly SignatureStatus[] {
  const dir = mkdtempSync(join(tmpdir(), "base-kit-test-"));
  try {
    const paths = files.map((content, index) => {
      writeFileSync(join(dir, `${index}`), content);
      return join(dir, `${index}`);
    });
    writeFileSync(join(dir, "keyring"), keyring.packets);
    // Without the user's configuration; times are judged by us, with a tolerance.
    const settings = ["--homedir", dir, "--keyring", join(dir, "keyring"), "--ignore-time-conflict"];
    const args = [...settings, "--status-fd", "1", "--output", join(dir, "text"), ...paths];
    return parseGpgvStatus(spawnSync("gpgv", args, { stdio: ["ignore", "pipe", "ignore"] }).stdout.toString());
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
