import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parsePlatform } from "@base-kit/core";
import { createGpgHome, requires, startMirror } from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { alpine } from "../src/index.ts";
import { testContext } from "./in-context.ts";
import { smallRelease } from "./small-mirror.ts";

const { skip } = requires("gpg");
const FILE = "v3.20/releases/x86_64/alpine-minirootfs-3.20.3-x86_64.tar.gz";

describe.skipIf(skip)("the signature of a minirootfs", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "alpine-keys-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function resolved(sign: (gpg: ReturnType<typeof createGpgHome>, file: Buffer) => string | undefined) {
    using gpg = createGpgHome();
    const files = await smallRelease();
    const signature = sign(gpg, files[FILE] as Buffer);
    const keyring = join(folder, "keys.asc");
    await using mirror = await startMirror({
      ...files,
      ...(signature === undefined ? {} : { [`${FILE}.asc`]: Buffer.from(signature) }),
    });
    writeFileSync(keyring, gpg.exportKeys(undefined, { armor: true }));
    await using context = await testContext();
    const options = { mirror: mirror.url, keyring };
    const request = { release: "3.20", platform: parsePlatform("amd64"), sourceDateEpoch: undefined, options };
    return { lock: await alpine.resolve(request, context).catch((error: unknown) => error), gpg };
  }

  test("stands in the lock", async () => {
    let fingerprint = "";
    const { lock } = await resolved((gpg, file) => {
      const key = gpg.generate();
      fingerprint = key.fingerprint;
      return gpg.sign(file as never, { by: [key] });
    });
    expect(lock).toMatchObject({ inputs: [{}, { verifiedBy: expect.stringMatching(new RegExp(fingerprint, "i")) }] });
  });

  test.each<[string, Parameters<typeof resolved>[0], object]>([
    [
      "of another file",
      (gpg) => gpg.sign("another", { by: [gpg.generate()] }),
      { code: "SIGNATURE_BAD", kind: "verification" },
    ],
    ["that is not there", (gpg) => void gpg.generate(), { code: "FETCH_NOT_FOUND" }],
  ])("%s is refused when there is a key for it", async (_, sign, error) => {
    expect((await resolved(sign)).lock).toMatchObject(error);
  });
});
