import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createGpgHome, type GpgHome, requires, type SigningKey } from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseKeyring, parseRelease, requireExpectedRelease, verifyClearsigned } from "../src/index.ts";

// What apt takes or refuses is what people expect of a mirror.
describe.skipIf(requires("gpg", "gpgv").skip || !existsSync("/usr/bin/apt-get"))("apt and base-kit agree", () => {
  let gpg: GpgHome;
  let keys: Record<"good" | "old" | "expired" | "stranger", SigningKey>;
  let dir: string;

  beforeAll(() => {
    gpg = createGpgHome();
    keys = {
      good: gpg.generate(),
      old: gpg.generate({ at: "20250101T000000" }),
      expired: gpg.generate({ at: "20250101T000000", expires: "2025-06-01" }),
      stranger: gpg.generate(),
    };
    dir = mkdtempSync(join(tmpdir(), "base-kit-test-"));
    writeFileSync(join(dir, "keyring.gpg"), gpg.exportKeys([keys.good, keys.old, keys.expired]));
  });
  afterAll(() => {
    gpg[Symbol.dispose]();
    rmSync(dir, { recursive: true, force: true });
  });

  const sign = (changes: ReleaseChanges = {}) => gpg.clearsign(release(changes), { by: [keys.good] });

  test.each([
    ["a good signature", true, () => sign()],
    ["an unknown key beside a good one", true, () => gpg.clearsign(release(), { by: [keys.stranger, keys.good] })],
    ["Valid-Until ahead", true, () => sign({ validUntil: 3600 })],
    ["an unknown key", false, () => gpg.clearsign(release(), { by: [keys.stranger] })],
    ["an expired key", false, () => gpg.clearsign(release(), { by: [keys.expired], at: "20250301T000000" })],
    [
      "an expired signature",
      false,
      () => gpg.clearsign(release(), { by: [keys.old], at: "20250301T000000", expires: "1d" }),
    ],
    ["SHA-1", false, () => gpg.clearsign(release(), { by: [keys.good], hash: "SHA1" })],
    ["a changed text", false, () => sign().replace("Label: Test", "Label: Fest")],
    ["text before", false, () => `Suite: test\n${sign()}`],
    ["text after", false, () => `${sign()}Suite: test\n`],
    ["two messages", false, () => sign() + sign()],
    ["Valid-Until past", false, () => sign({ validUntil: -3600 })],
    ["a Date in the future", false, () => sign({ date: 3600 })],
    ["no signature", false, () => release()],
  ])("on %s: %s", async (_, accepted, inRelease) => {
    const file = inRelease();
    expect({ baseKit: baseKitAccepts(file), apt: aptAccepts(file) }).toEqual({
      baseKit: accepted,
      apt: accepted,
    });
  });

  function baseKitAccepts(inRelease: string): boolean {
    const context = { clock: { now: () => Math.floor(Date.now() / 1000), monotonicMs: () => 0 } };
    const keyring = parseKeyring(gpg.exportKeys([keys.good, keys.old, keys.expired]), "test.gpg");
    try {
      const { text } = verifyClearsigned(Buffer.from(inRelease), { keyring, subject: "x" }, context);
      const expected = { suite: "test", components: ["main"], architecture: "amd64", now: context.clock.now() };
      requireExpectedRelease(parseRelease(text, "x"), { ...expected, subject: "x" });
      return true;
    } catch {
      return false;
    }
  }

  function aptAccepts(inRelease: string): boolean {
    const root = mkdtempSync(join(dir, "apt-"));
    const write = (path: string, content: string) => {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), content);
    };
    for (const path of ["lists/partial", "cache/archives/partial", "parts"])
      mkdirSync(join(root, path), { recursive: true });
    write("mirror/dists/test/InRelease", inRelease);
    write("mirror/dists/test/main/binary-amd64/Packages", "");
    write("status", "");
    write("sources.list", `deb [arch=amd64 signed-by=${join(dir, "keyring.gpg")}] file:${root}/mirror test main\n`);
    const settings = {
      "APT::Architecture": "amd64",
      "APT::Architectures": "amd64",
      "APT::Sandbox::User": "root",
      "Dir::State": root,
      "Dir::State::lists": join(root, "lists"),
      "Dir::State::status": join(root, "status"),
      "Dir::Cache": join(root, "cache"),
      "Dir::Etc::sourcelist": join(root, "sources.list"),
      "Dir::Etc::sourceparts": join(root, "parts"),
      // The machine's own settings must not decide.
      "Acquire::Check-Valid-Until": "true",
      "Acquire::Check-Date": "true",
      "Acquire::AllowInsecureRepositories": "false",
      "APT::Update::Error-Mode": "any",
    };
    const args = Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
    const env = { PATH: process.env["PATH"], LC_ALL: "C" };
    const { status } = spawnSync("apt-get", [...args, "update"], { env, stdio: "ignore" });
    return status === 0;
  }
});

interface ReleaseChanges {
  /** Seconds from now. */
  readonly date?: number;
  readonly validUntil?: number;
}

function release({ date = 0, validUntil }: ReleaseChanges = {}): string {
  const inUtc = (offset: number) => new Date(Date.now() + offset * 1000).toUTCString().replace("GMT", "UTC");
  return [
    "Origin: Test",
    "Label: Test",
    "Suite: test",
    "Codename: test",
    `Date: ${inUtc(date)}`,
    ...(validUntil === undefined ? [] : [`Valid-Until: ${inUtc(validUntil)}`]),
    "Architectures: amd64",
    "Components: main",
    "SHA256:",
    ` ${createHash("sha256").digest("hex")} 0 main/binary-amd64/Packages`,
    "",
  ].join("\n");
}
