import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import { requires } from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readCaBundle } from "../src/ca-certificates.ts";
import { subjectHash } from "../src/subject-hash.ts";

describe.skipIf(requires("openssl").skip)("openssl", () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), "base-kit-hash-"));
    execFileSync("openssl", ["ecparam", "-genkey", "-name", "prime256v1", "-out", join(dir, "key")], {
      stdio: "ignore",
    });
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  function made(subject: string, ...options: readonly string[]): string {
    const args = ["req", "-x509", "-new", "-key", join(dir, "key"), "-days", "9", "-subj", subject, ...options];
    return execFileSync("openssl", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  }

  /** In the order of the file. */
  function hashesByOpenssl(certificates: readonly string[]): readonly string[] {
    return certificates.map((input) =>
      execFileSync("openssl", ["x509", "-noout", "-subject_hash"], { input, encoding: "utf8" }).trim(),
    );
  }

  test("gives a certificate the same hash, however its name is written", () => {
    const odd = [
      made("/CN=  Two   Blanks\t /O=UPPER lower/C=DE"),
      made("/CN=Ünïcödé ÄÖÜ/O=株式会社", "-utf8"),
      made("/CN=b+OU=a+O=Several Beside Each Other/C=DE"),
      made("/CN=x/emailAddress=Some.One@Example.COM/serialNumber=0012"),
      made("/CN=Latin Äé"),
      made(`/CN=${"long ".repeat(12)}/O=${"O".repeat(60)}/OU=${"u".repeat(60)}`),
      made("/"),
    ];
    const all = [...odd, ...rootCertificates.filter((_, index) => index % 8 === 0)];
    expect(all.map((pem) => subjectHash(new X509Certificate(pem).raw))).toEqual(hashesByOpenssl(all));
  });

  test("gives the files of a folder the same names; a certificate that comes twice has one", () => {
    const [one, two, other] = [made("/CN=same name"), made("/CN=Same  Name"), made("/CN=other name")];
    const bundle = [one, two, other, one].join("");
    const { byHash } = readCaBundle(Buffer.from(bundle), "test", { clock: { now: () => 0, monotonicMs: () => 0 } });
    const folder = join(dir, "folder");
    mkdirSync(folder);
    [one, two, other, one].forEach((pem, index) => {
      writeFileSync(join(folder, `${index}.pem`), pem);
    });
    execFileSync("openssl", ["rehash", folder], { stdio: "ignore" });
    const theirs = readdirSync(folder).filter((name) => !name.endsWith(".pem"));
    expect([...byHash.keys()].sort()).toEqual(theirs.sort());
  });
});
