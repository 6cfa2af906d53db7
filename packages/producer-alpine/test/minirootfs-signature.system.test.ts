import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Context, parsePlatform } from "@base-kit/core";
import { createGpgHome, type GpgHome, requires, type SigningKey, startMirror } from "@base-kit/testing";
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

  async function resolved(
    sign: (gpg: GpgHome, file: Buffer) => string | undefined,
    writeKeys = (gpg: GpgHome): string => {
      const keyring = join(folder, "keys.asc");
      writeFileSync(keyring, gpg.exportKeys(undefined, { armor: true }));
      return keyring;
    },
  ) {
    using gpg = createGpgHome();
    const files = await smallRelease();
    const signature = sign(gpg, files[FILE] as Buffer);
    await using mirror = await startMirror({
      ...files,
      ...(signature === undefined ? {} : { [`${FILE}.asc`]: Buffer.from(signature) }),
    });
    await using context = await testContext();
    const options = { mirror: mirror.url, keyring: writeKeys(gpg) };
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

  test("may be by any key of a folder", async () => {
    const keys: SigningKey[] = [];
    const { lock } = await resolved(
      (gpg, file) => {
        keys.push(gpg.generate(), gpg.generate());
        return gpg.sign(file as never, { by: keys.slice(1) });
      },
      (gpg) => {
        const keyring = mkdtempSync(join(folder, "keys-"));
        for (const [at, key] of keys.entries()) writeFileSync(join(keyring, `${at}.asc`), gpg.exportKeys([key]));
        return keyring;
      },
    );
    const verifiedBy = expect.stringMatching(new RegExp(keys[1]?.fingerprint as string, "i"));
    expect(lock).toMatchObject({ inputs: [{}, { verifiedBy }] });
  });

  test.each<[string, Parameters<typeof resolved>[0], object]>([
    [
      "of a key that is revoked",
      (gpg, file) => {
        const key = gpg.generate();
        const signature = gpg.sign(file as never, { by: [key] });
        gpg.revoke(key);
        return signature;
      },
      { kind: "verification" },
    ],
    ["that is none", (gpg) => `none, but for ${gpg.generate().fingerprint}\n`, { kind: "verification" }],
    [
      "of another file",
      (gpg) => gpg.sign("another", { by: [gpg.generate()] }),
      { code: "SIGNATURE_BAD", kind: "verification" },
    ],
    ["that is not there", (gpg) => void gpg.generate(), { code: "FETCH_NOT_FOUND" }],
  ])("%s is refused when there is a key for it", async (_, sign, error) => {
    expect((await resolved(sign)).lock).toMatchObject(error);
  });

  test.each<[string, boolean, RegExp]>([
    ["that is another key than the pinned one", true, /is not the key 0482d840\w+ and was not used/],
    ["that cannot be had", false, /cannot be had/],
  ])("is not believed by a release key %s, which is told", async (_, isThere, told) => {
    using gpg = createGpgHome();
    const files = await smallRelease();
    const key = gpg.generate();
    const signature = Buffer.from(gpg.sign(files[FILE] as never, { by: [key] }));
    const keys = isThere ? { "ncopa.asc": gpg.exportKeys([key], { armor: true }) } : {};
    await using mirror = await startMirror({ ...files, ...keys, [`${FILE}.asc`]: signature });
    await using context = await testContext();
    const ofAlpine = "https://alpinelinux.org/keys/";
    const fetch: Context["fetch"] = (url, options) => context.fetch(url.replace(ofAlpine, mirror.url), options);
    const request = { release: "3.20", platform: parsePlatform("amd64"), sourceDateEpoch: undefined };
    const lock = await alpine.resolve({ ...request, options: { mirror: mirror.url } }, { ...context, fetch });
    expect(mirror.requests.map(({ path }) => path)).toContain("ncopa.asc");
    expect(lock.inputs[1]?.verifiedBy).toMatch(/^latest-releases\.yaml sha256:/);
    const message = expect.stringMatching(told);
    expect(context.events).toContainEqual({ type: "warned", code: "MINIROOTFS_NOT_SIGNED", message });
  });
});
