import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { requireKeyring } from "../src/index.ts";

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "require-keyring-"));
  writeFileSync(join(dir, "empty.gpg"), "");
});
afterAll(() => rmSync(dir, { recursive: true }));

test.each([
  ["none.gpg", true, "there is no such file", /^Give --keyring a file (?!.*archive-keyring).* Nothing is built /],
  ["none.gpg", false, "there is no such file", /^Install the package debian-archive-keyring, .* Nothing is built /],
  ["empty.gpg", true, "it holds no public key", /^Give --keyring a file /],
])(
  "a keyring that is of no use is told, and what to do: %s, named by the user: %s",
  async (name, isNamed, why, hint) => {
    const path = join(dir, name);
    await expect(requireKeyring(path, { distribution: "debian", isNamed })).rejects.toMatchObject({
      code: "KEYRING_MISSING",
      kind: "environment",
      message: `the archive of debian cannot be verified: cannot read the keyring ${path}: ${why}`,
      hint: expect.stringMatching(hint),
    });
  },
);
