import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findSuite } from "../src/suite.ts";

describe("a suite", () => {
  let dir: string;

  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), "base-kit-test-"));
    const scripts = join(dir, "scripts");
    mkdirSync(scripts);
    writeFileSync(
      join(scripts, "sid"),
      "mirror_style release\nkeyring /usr/share/keyrings/debian-archive-keyring.gpg\n",
    );
    writeFileSync(join(scripts, "gutsy"), "keyring /usr/share/keyrings/ubuntu-archive-keyring.gpg\n");
    const kali = "keyring /usr/share/keyrings/kali-archive-keyring.gpg\ndefault_mirror http://http.kali.org/kali\n";
    writeFileSync(join(scripts, "kali"), kali);
    writeFileSync(join(scripts, "warty"), "default_mirror http://old-releases.ubuntu.com/ubuntu\n");
    writeFileSync(join(scripts, "debian-common"), "work_out_debs () {\n");
    symlinkSync("sid", join(scripts, "bookworm"));
    symlinkSync("gutsy", join(scripts, "focal"));
    writeFileSync(join(dir, "evil"), "keyring /usr/share/keyrings/debian-archive-keyring.gpg\n");
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  const debian = {
    distribution: "debian",
    keyring: "/usr/share/keyrings/debian-archive-keyring.gpg",
    mirror: undefined,
  };
  const ubuntu = {
    distribution: "ubuntu",
    keyring: "/usr/share/keyrings/ubuntu-archive-keyring.gpg",
    mirror: undefined,
  };

  test.each([
    ["bookworm", { ...debian, script: undefined }],
    ["focal", { ...ubuntu, script: undefined }],
    ["noble", { ...ubuntu, script: "gutsy" }],
    ["forky", { ...debian, script: "sid" }],
    [
      "kali",
      {
        distribution: "kali",
        keyring: "/usr/share/keyrings/kali-archive-keyring.gpg",
        mirror: "http://http.kali.org/kali",
        script: undefined,
      },
    ],
  ])("%s is known with its distribution, keyring and script", async (name, expected) => {
    expect(await findSuite(name, dir)).toEqual({ name, ...expected });
  });

  test.each(["../evil", "../../etc", "--help", "book worm", "bookworm\n", "$(id)", "a\0b", "Bookworm", ""])(
    "%j is refused before any file is looked at",
    async (name) => {
      await expect(findSuite(name, "/nowhere")).rejects.toMatchObject({ code: "SUITE_INVALID", kind: "usage" });
    },
  );

  test.each(["bookwrm", "debian-common", "warty", "evil"])("%s is none", async (name) => {
    await expect(findSuite(name, dir)).rejects.toMatchObject({ code: "SUITE_UNKNOWN", kind: "usage" });
  });

  test("that is misspelt gets the right one suggested, and all that are known", async () => {
    await expect(findSuite("bookwrm", dir)).rejects.toMatchObject({
      hint: expect.stringMatching(/^Did you mean bookworm\? It knows: bookworm, duke, .*focal/),
    });
  });

  test("has to be named", async () => {
    await expect(findSuite(undefined, dir)).rejects.toMatchObject({ code: "SUITE_MISSING" });
  });

  test("needs debootstrap", async () => {
    await expect(findSuite("bookworm", join(dir, "none"))).rejects.toMatchObject({
      code: "DEBOOTSTRAP_MISSING",
      kind: "environment",
    });
  });
});
