import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createContext } from "@base-kit/host";
import { createStore } from "@base-kit/store";
import { afterEach, beforeEach, expect, test } from "vitest";
import { explainFailure } from "../src/failure.ts";

let target: string;
beforeEach(() => {
  target = mkdtempSync(join(tmpdir(), "base-kit-test-"));
});
afterEach(() => rmSync(target, { recursive: true, force: true }));

/** Nothing of it goes into the user's cache. */
const ownContext = () => createContext({ createStore, cacheDir: target, env: { PATH: process.env["PATH"] } });

test.each([
  ["E: Couldn't find these debs: vmi", "", "PACKAGE_UNKNOWN", "usage"],
  [
    "W: http://m/a.deb was corrupt\nW: Couldn't download package a (ver 1 arch all) at http://m/a.deb",
    "",
    "DOWNLOAD_CORRUPT",
    "verification",
  ],
  ["E: Couldn't download http://m/Packages", "", "DOWNLOAD_FAILED", "network"],
  ["E: Unable to execute target architecture", "", "ARCHITECTURE_FOREIGN", "unsupported"],
  [
    "W: Failure trying to run:  chroot /t /bin/true",
    "chroot: failed to run command '/bin/true': Exec format error",
    "ARCHITECTURE_FOREIGN",
    "unsupported",
  ],
  ["E: Couldn't download http://m/Packages", "Packages: No space left on device", "DISK_FULL", "environment"],
  [
    "W: Failure while configuring required packages.",
    "dpkg: error processing package x (--configure):",
    "DEBOOTSTRAP_FAILED",
    "failure",
  ],
  ["", "", "DEBOOTSTRAP_FAILED", "failure"],
])("%j and the log %j mean %s", async (output, log, code, kind) => {
  await using context = await ownContext();
  mkdirSync(join(target, "debootstrap"));
  writeFileSync(join(target, "debootstrap/debootstrap.log"), log);
  const error = await explainFailure({ subject: "focal", target, output, exitCode: 1 }, context);
  expect(error).toMatchObject({ code, kind });
  if (code !== "DISK_FULL") for (const line of [...output.split("\n"), log]) expect(error.message).toContain(line);
});

test("what a log says cannot reach the terminal", async () => {
  await using context = await ownContext();
  mkdirSync(join(target, "var/log"), { recursive: true });
  writeFileSync(join(target, "var/log/bootstrap.log"), "\x1b[2Jgone\n");
  const error = await explainFailure({ subject: "focal", target, output: "E: \x1b]0;x\x07", exitCode: 1 }, context);
  expect(error.message).not.toContain("\x1b");
  expect(error.message).toContain("\\x1b[2Jgone");
});
