import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { loadKeyring, verifyClearsigned } from "@base-kit/signatures";
import { createGpgHome, requires } from "@base-kit/testing";
import { describe, expect, test } from "vitest";
import { DEBIAN_KEYS } from "../src/archive/debian-keys.ts";
import { distributionKeyring } from "../src/archive/mirrors.ts";
import { pinnedDebianKeyring } from "../src/archive/public-keys.ts";

const AT = "20260101T000000";
const clock = { now: () => Date.UTC(2026, 0, 2) / 1000, monotonicMs: () => 0 };
const packaged = distributionKeyring("debian");

describe.skipIf(!existsSync(packaged))("beside Debian's keyring package", () => {
  test("every pinned key and subkey is in it, with the same numbers", async () => {
    const theirs = await loadKeyring(packaged);
    const ours = pinnedDebianKeyring();
    expect(ours.certificates).toHaveLength(DEBIAN_KEYS.length);
    for (const [fingerprint, key] of ours.keys) expect(theirs.keys.get(fingerprint)).toEqual(key);
  });
});

describe.skipIf(requires("gpg").skip)("the pinned keys of Debian", () => {
  test("are keys for gpg, none of them expired or revoked", () => {
    using home = createGpgHome();
    const list = ["--homedir", home.dir, "--batch", "--faked-system-time", AT, "--with-colons", "--show-keys"];
    const shown = execFileSync("gpg", list, {
      input: pinnedDebianKeyring().packets,
      stdio: ["pipe", "pipe", "ignore"],
    });
    const validity = [...shown.toString().matchAll(/^(?:pub|sub):([^:]*):/gm)].map(([, letter]) => letter);
    expect(validity.length).toBeGreaterThan(DEBIAN_KEYS.length);
    expect(validity.filter((letter) => letter === "e" || letter === "r" || letter === "i")).toEqual([]);
  });

  test("do not vouch for a Release that someone else signed", () => {
    using home = createGpgHome();
    const stranger = home.generate({ at: AT });
    const release = Buffer.from(home.clearsign("Origin: Debian\nSuite: stable\n", { by: [stranger], at: AT }));
    const options = { keyring: pinnedDebianKeyring(), subject: "the Release" };
    expect(() => verifyClearsigned(release, options, { clock })).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^SIGNATURE_/), kind: "verification" }),
    );
  });
});
