import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Context, parsePlatform } from "@base-kit/core";
import { readTextFile } from "@base-kit/rootfs";
import { createGpgHome, type DescribedDeb, makeDebSuite, requires, startMirror } from "@base-kit/testing";
import { describe, expect, test } from "vitest";
import { ubuntu } from "../src/index.ts";
import { createWorkshop } from "./workshop.ts";

const PORTS = "http://ports.ubuntu.com/";
const ZSTD = {
  name: "data.tar.zst",
  pack: (tar: Buffer) => execFileSync("zstd", ["-cq", "-19"], { input: tar, maxBuffer: 2 ** 26 }),
};
const ARM = { architecture: "arm64", data: ZSTD } as const;
const baseFiles = (version: string, name: string): DescribedDeb => ({
  ...{ name: "base-files", version, ...ARM, fields: ["Essential: yes", "Priority: required"] },
  files: { "usr/lib/os-release": `ID=ubuntu\nVERSION_ID="22.04"\nPRETTY_NAME="Ubuntu ${name}"\n` },
});

/** The archive as Ubuntu has it: in two places, each with the suite, its updates and its security updates. */
describe.skipIf(requires("gpg", "zstd").skip)("jammy for arm64", () => {
  test("comes from the mirror of ports with all its updates, and that mirror is apt's in the image", async () => {
    await using workshop = await createWorkshop();
    using gpg = createGpgHome();
    const by = [gpg.generate()];
    const keyring = join(workshop.dir, "ubuntu.gpg");
    writeFileSync(keyring, gpg.exportKeys());
    const suite = (name: string, packages: readonly DescribedDeb[]) =>
      makeDebSuite({ suite: name, architecture: "arm64", packages, fields: ["Acquire-By-Hash: yes"] }, (text) =>
        gpg.clearsign(text, { by }),
      );
    const tool = (version: string): DescribedDeb => ({ name: "tool", version, ...ARM, files: { "bin/tool": version } });
    const all = { name: "texts", files: { "usr/texts": "for any machine" } };
    const files = {
      ...suite("jammy", [baseFiles("12ubuntu4", "22.04 LTS"), tool("1.0"), all]),
      ...suite("jammy-updates", [baseFiles("12ubuntu4.7", "22.04.5 LTS"), tool("1.1")]),
      ...suite("jammy-security", [tool("1.1.1")]),
    };
    await using mirror = await startMirror(
      Object.fromEntries(Object.entries(files).map(([path, bytes]) => [`ubuntu-ports/${path}`, bytes])),
    );
    const asked: string[] = [];
    const fetch: Context["fetch"] = (url, options) => {
      asked.push(url);
      return workshop.context.fetch(url.replace(PORTS, mirror.url), options);
    };
    const context = { ...workshop.context, fetch };
    const given = { keyring, variant: "essential", include: ["tool", "texts"], configure: "none" };
    const options = (await ubuntu.schema()).parse(given);
    const platform = parsePlatform("arm64");
    const lock = await ubuntu.resolve({ release: "jammy", platform, sourceDateEpoch: undefined, options }, context);
    const rootfs = await ubuntu.produce(lock, context);

    expect(rootfs.packages.map(({ name, version, architecture }) => `${name} ${version} ${architecture}`)).toEqual([
      "base-files 12ubuntu4.7 arm64",
      "texts 1.0 all",
      "tool 1.1.1 arm64",
    ]);
    expect(rootfs.platform).toEqual(platform);
    expect(rootfs.osRelease).toMatchObject({ ID: "ubuntu", VERSION_ID: "22.04", PRETTY_NAME: "Ubuntu 22.04.5 LTS" });
    expect(await readTextFile(rootfs, "usr/bin/tool")).toBe("1.1.1");
    expect(await readTextFile(rootfs, "var/lib/dpkg/status")).toMatch(/^Package: tool\n(?:.+\n)*Architecture: arm64$/m);
    expect((await readTextFile(rootfs, "etc/apt/sources.list"))?.trim().split("\n")).toEqual(
      ["jammy", "jammy-updates", "jammy-security"].map((name) => `deb ${PORTS}ubuntu-ports ${name} main`),
    );
    expect(asked.every((url) => url.startsWith(`${PORTS}ubuntu-ports/`))).toBe(true);
    expect(asked.filter((url) => url.includes("/by-hash/"))).toHaveLength(3);
    // What a machine of the other place would have asked for.
    expect(asked.filter((url) => url.includes("binary-amd64"))).toEqual([]);
  });
});
