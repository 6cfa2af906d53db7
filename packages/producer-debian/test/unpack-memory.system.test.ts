import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { requires } from "@base-kit/testing";
import { afterAll, beforeAll, expect, test } from "vitest";

const MIB = 1024 ** 2;
// Where debootstrap is, there is dpkg-deb.
const { skip } = requires("debootstrap");

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "base-kit-unpack-memory-"));
});
afterAll(() => {
  rmSync(dir, { recursive: true });
});

/** A package with a file of this size, nearly all of it a hole. */
function debOf(name: string, size: number): string {
  const root = join(dir, name);
  mkdirSync(join(root, "DEBIAN"), { recursive: true });
  writeFileSync(
    join(root, "DEBIAN/control"),
    `Package: ${name}\nVersion: 1\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: d\n`,
  );
  writeFileSync(
    join(root, "large"),
    Uint32Array.from({ length: MIB }, (_, at) => Math.imul(at, 2_654_435_761)),
  );
  truncateSync(join(root, "large"), size);
  execFileSync("dpkg-deb", ["--build", "-Zxz", "-z0", root, `${root}.deb`], { stdio: "ignore" });
  return `${root}.deb`;
}

/** The peak of the resident memory of a process that opens it, in bytes. */
function peakOf(path: string): number {
  const source = pathToFileURL(join(import.meta.dirname, "../src/unpack/open-package.ts")).href;
  const script = `
    import { openPackage } from ${JSON.stringify(source)};
    const store = { recall: async () => undefined, remember: async () => {} };
    const file = { path: ${JSON.stringify(path)}, sha256: "", name: "large.deb" };
    const { contents, content } = await openPackage(file, { store, tempDir: ${JSON.stringify(dir)} });
    const { size, offset } = contents.members.find(({ type }) => type === "file");
    let bytes = 0;
    for await (const chunk of content({ size, offset })) bytes += chunk.length;
    console.log(bytes, process.resourceUsage().maxRSS);`;
  const node = ["--conditions=@base-kit/source", "--import", "tsx", "--input-type=module", "-e", script];
  const [bytes, kilobytes] = execFileSync(process.execPath, node, { encoding: "utf8" }).split(" ").map(Number);
  expect(bytes).toBeGreaterThan(0);
  return (kilobytes ?? Number.NaN) * 1024;
}

test.skipIf(skip)("a package of 300 MB is opened in as much memory as one of 4", () => {
  const small = peakOf(debOf("small", 4 * MIB));
  const large = peakOf(debOf("large", 300 * MIB));
  expect(large - small).toBeLessThan(100 * MIB);
});
