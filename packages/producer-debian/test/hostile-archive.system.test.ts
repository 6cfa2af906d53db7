import { execFileSync } from "node:child_process";
import { gzipSync } from "node:zlib";
import type { Lock, LockedInput } from "@base-kit/core";
import { DEB_ARCHITECTURE, type DescribedDeb, type DescribedSuite, type Fault, requires } from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTrial, type OpenArchive, type Trial } from "./trial.ts";

const DEMO: DescribedDeb = { name: "demo", files: { "usr/demo": "demo" } };
const IN_RELEASE = "dists/bookworm/InRelease";
const INDEX = `dists/bookworm/main/binary-${DEB_ARCHITECTURE}/Packages.gz`;
const POOL = "pool/main/demo_1.0_all.deb";
const LONG = 2 * 1024 ** 2;
const MiB = 1024 ** 2;

describe.skipIf(requires("gpg", "xz", "zstd").skip)("an archive of Debian", () => {
  let trial: Trial;
  beforeAll(() => {
    trial = createTrial();
  });
  afterAll(() => trial?.[Symbol.dispose]());

  const suite = (more: DescribedSuite = {}, spoil?: (text: string) => string) =>
    trial.suite({ packages: [DEMO], ...more }, spoil);

  describe("with a Release that a trusted key signed, and that has", () => {
    test.each<[what: string, spoil: (text: string) => string, code: string, message: RegExp]>([
      ["a NUL in a value", (text) => text.replace("Label: ", "Label: \0"), "RELEASE_MALFORMED", /Label: \\x00/],
      [
        "a NUL in its suite",
        (text) => text.replace("Suite: bookworm", "Suite: book\0worm"),
        "RELEASE_MALFORMED",
        /Suite/,
      ],
      ["a CR in a value", (text) => text.replace("Label: ", "Label: a\rb"), "RELEASE_MALFORMED", /Label: a\\r/],
      ["a CR among its digests", (text) => text.replace("SHA256:\n ", "SHA256:\n \r"), "RELEASE_MALFORMED", /\\r/],
      ["a field twice", (text) => `${text}Date: ${new Date(0).toUTCString()}\n`, "RELEASE_MALFORMED", /second time/],
      ["a field twice in another case", (text) => `${text}sUITE: trixie\n`, "RELEASE_MALFORMED", /second time/],
      ["two stanzas", (text) => `${text}\nSuite: trixie\n`, "RELEASE_MALFORMED", /is no field/],
      [
        "an index of two digests",
        (text) => `${text} ${"a".repeat(64)} 1 ${INDEX.replace("dists/bookworm/", "")}\n`,
        "RELEASE_MALFORMED",
        /two digests/,
      ],
      ["an index above it", (text) => text.replace(/ main\//g, " ../main/"), "RELEASE_MALFORMED", /outside the suite/],
    ])("%s, is refused", async (_, spoil, code, message) => {
      const { error, requests } = await trial.build(suite({}, spoil));
      expect(error).toMatchObject({ code, kind: "verification", message: expect.stringMatching(message) });
      expect(requests.map(({ path }) => path)).toEqual([IN_RELEASE]);
      expectShort(error);
    });
  });

  describe("with a list of packages that a trusted key signed, and that has", () => {
    test.each<[what: string, spoil: (text: string) => string, message: RegExp]>([
      [
        "a line of 2 MiB",
        (text) => text.replace("Description: ", `Description: ${"x".repeat(LONG)}`),
        /longer than 1 MiB/,
      ],
      ["a NUL", (text) => text.replace("Description: ", "Description: \0"), /control character/],
      ["a NUL in a digest", (text) => text.replace(/SHA256: ./, "SHA256: \0"), /control character/],
      ["a CR", (text) => text.replace("Version: 1.0", "Version: 1.0\r"), /control character/],
      ["the lines of another system", (text) => text.replaceAll("\n", "\r\n"), /no package demo|control character/],
      ["a field twice", (text) => text.replace("Version: 1.0", "Version: 1.0\nVersion: 2.0"), /second time/],
      ["a field twice in another case", (text) => text.replace("Filename: ", "filename: x\nFilename: "), /second time/],
      ["a digest in a continuation", (text) => text.replace("SHA256: ", "SHA256:\n "), /sha256/],
      ["only weak digests", (text) => text.replace(/SHA256: \w+/, `MD5sum: ${"a".repeat(32)}`), /no sha256/],
      ["a size that is none", (text) => text.replace(/Size: \d+/, "Size: -1"), /its size is -1/],
      ["a size beyond all numbers", (text) => text.replace(/Size: \d+/, "Size: 99999999999999999999"), /its size is/],
      ["a line that is no field", (text) => text.replace("Version: 1.0", "nonsense\nVersion: 1.0"), /is no field/],
      ["a file as long as it likes", (text) => text.replace("pool/", `${"x/".repeat(600)}pool/`), /its filename is/],
      ["a dependency that is none", (text) => text.replace("Version:", "Depends: a (>> \nVersion:"), /./],
      [
        "two contents of one version",
        (text) => `${text}${text.replace(/SHA256: \w+/, `SHA256: ${"a".repeat(64)}`)}`,
        /two contents/,
      ],
    ])("%s, is refused", async (_, spoil, message) => {
      const { error, requests } = await trial.build(suite({ spoilIndex: spoil }));
      expect(error).toMatchObject({ kind: expect.stringMatching(/verification|usage/) });
      expect(String(error)).toMatch(message);
      expect(requests.map(({ path }) => path)).not.toContain(POOL);
      expectShort(error);
    });

    test("the same package twice is used", async () => {
      const { tree } = await trial.build(suite({ spoilIndex: (text) => text + text }));
      expect(tree).toContain('usr/demo "demo"');
    });
  });

  describe("whose index is packed", () => {
    const gzipped = (text: Buffer) => gzipSync(text);
    const tool =
      (name: string, ...args: string[]) =>
      (input: Buffer) =>
        execFileSync(name, args, { input, maxBuffer: 2 ** 28 });
    test.each<[what: string, pack: (text: Buffer) => Buffer]>([
      ["in two members", (text) => Buffer.concat([gzipSync(text.subarray(0, 9)), gzipSync(text.subarray(9))])],
      ["with padding", (text) => Buffer.concat([gzipSync(text), Buffer.alloc(512)])],
      ["not at all", (text) => text],
    ])("%s is read", async (_, pack) => {
      expect(await trial.build(suite({ indexForms: { ".gz": pack } }))).toMatchObject({
        tree: expect.stringContaining("demo"),
      });
    });

    test.each<[what: string, forms: Record<string, (text: Buffer) => Buffer>, asked: string]>([
      ["by xz alone", { ".xz": tool("xz", "-c") }, ".xz"],
      ["by zstd alone", { ".zst": tool("zstd", "-cq") }, ".zst"],
      ["not, as it is listed", { "": (text) => text }, ""],
      ["by xz and gzip, which is read faster", { ".xz": tool("xz", "-c"), ".gz": gzipped }, ".gz"],
      [
        "by xz in two streams",
        { ".xz": (text) => Buffer.concat([tool("xz", "-c")(text), tool("xz", "-c")(text)]) },
        ".xz",
      ],
      ["by a form that nobody knows, and by xz", { ".br": (text) => text, ".xz": tool("xz", "-c") }, ".xz"],
    ])("%s is read in the form that is best", async (_, forms, asked) => {
      const { tree, requests } = await trial.build(suite({ indexForms: forms }));
      expect(tree).toContain("demo");
      const index = INDEX.replace(/\.gz$/, asked);
      expect(requests.map(({ path }) => path).filter((path) => path.includes("Packages"))).toEqual([index]);
    });

    test.each<[what: string, pack: (text: Buffer) => Buffer, code: RegExp]>([
      ["and cut off", (text) => gzipped(text).subarray(0, -9), /DECOMPRESS/],
      ["and damaged", (text) => flipped(gzipped(text), -5), /DECOMPRESS/],
      ["with more behind it", (text) => Buffer.concat([gzipped(text), Buffer.from("more")]), /DECOMPRESS/],
      [
        "with more behind zeros",
        (text) => Buffer.concat([gzipped(text), Buffer.alloc(8), gzipped(text)]),
        /DECOMPRESS/,
      ],
      ["by bzip2 in truth", tool("bzip2", "-c"), /DECOMPRESS/],
    ])("%s is refused", async (_, pack, code) => {
      const { error, requests } = await trial.build(suite({ indexForms: { ".gz": pack } }));
      expect(error).toMatchObject({
        code: expect.stringMatching(code),
        message: expect.stringContaining("Packages.gz"),
      });
      expect(requests.map(({ path }) => path)).not.toContain(POOL);
    });
  });

  describe("with a package whose data are", () => {
    const tool =
      (name: string, ...args: string[]) =>
      (input: Buffer) =>
        execFileSync(name, args, { input, maxBuffer: 2 ** 28 });
    const zstd = tool("zstd", "-cq");
    const xz = tool("xz", "-c");
    const halves = (pack: (input: Buffer) => Buffer) => (tar: Buffer) =>
      Buffer.concat([pack(tar.subarray(0, 700)), pack(tar.subarray(700))]);
    const skippable = Buffer.from("502a4d180400000078787878", "hex");

    type Rows = readonly (readonly [what: string, member: string, pack: (tar: Buffer) => Buffer])[];
    const UNPACKED: Rows = [
      ["gzip in two members", "data.tar.gz", halves(gzipSync)],
      ["xz in two streams", "data.tar.xz", halves(xz)],
      ["xz in blocks", "data.tar.xz", tool("xz", "-c", "--block-size=1KiB")],
      [
        "zstd in two frames with one that is skipped",
        "data.tar.zst",
        (tar) => Buffer.concat([skippable, halves(zstd)(tar)]),
      ],
      ["lzma", "data.tar.lzma", tool("xz", "--format=lzma", "-c")],
      ["not packed", "data.tar", (tar) => tar],
    ];
    /** A frame that says it needs so much memory: RFC 8878 §3.1.1.1.2, exponent 31. */
    const window = Buffer.from("28b52ffd00f8010000", "hex");
    const REFUSED: Rows = [
      ["gzip cut off", "data.tar.gz", (tar) => gzipSync(tar).subarray(0, -9)],
      ["xz cut off", "data.tar.xz", (tar) => xz(tar).subarray(0, -12)],
      ["zstd cut off", "data.tar.zst", (tar) => zstd(tar).subarray(0, -5)],
      ["xz damaged", "data.tar.xz", (tar) => flipped(xz(tar), 40)],
      ["zstd damaged", "data.tar.zst", (tar) => flipped(zstd(tar), -2)],
      ["gzip with more behind it", "data.tar.gz", (tar) => Buffer.concat([gzipSync(tar), Buffer.from("more")])],
      ["xz by another name", "data.tar.gz", xz],
      ["gzip by another name", "data.tar.zst", gzipSync],
      ["bzip2", "data.tar.bz2", tool("bzip2", "-c")],
      ["seventy megabytes of zeros by xz", "data.tar.xz", () => tool("xz", "-0c")(Buffer.alloc(70 * MiB))],
      ["seventy megabytes of zeros by zstd", "data.tar.zst", () => zstd(Buffer.alloc(70 * MiB))],
      ["zstd with a window of 2^41 bytes", "data.tar.zst", () => window],
      [
        "xz with a dictionary of 1.5 GiB",
        "data.tar.xz",
        () => tool("sh", "-c", "head -c 99 | xz -c --lzma2=dict=1536MiB")(Buffer.alloc(99)),
      ],
    ];

    /** All rows at once, each as a package of its own. */
    let archive: OpenArchive;
    beforeAll(async () => {
      const packages = [...UNPACKED, ...REFUSED].map(([, member, pack], row) => {
        return { name: `demo-${row}`, files: { [`usr/${row}`]: "demo" }, data: { name: member, pack } };
      });
      archive = await trial.open(suite({ packages }), { options: { include: packages.map(({ name }) => name) } });
    });
    afterAll(() => archive?.[Symbol.asyncDispose]());

    test.each(UNPACKED.map(([what], at) => [what, at] as const))("%s is unpacked", async (_, at) => {
      const { tree } = await archive.produce(archive.only(`demo-${at}`));
      expect(tree).toContain(`usr/${at} "demo"`);
    });

    test.each(REFUSED.map(([what], at) => [what, `demo-${UNPACKED.length + at}`] as const))(
      "%s is refused",
      async (_, name) => {
        const { error } = await archive.produce(archive.only(name));
        expect(error).toMatchObject({ code: expect.stringMatching(/^(?:DECOMPRESS|DEB)_/) });
        expect(String(error)).toContain(`${name}_1.0_all.deb`);
      },
    );
  });

  describe("whose mirror", () => {
    const HTML = "<!DOCTYPE html><html>Log in</html>";
    test.concurrent.each<[what: string, faults: Record<string, readonly (Fault | undefined)[]>]>([
      [
        "begins anew although a part is there",
        { [POOL]: [{ cutAfter: 100, withLength: true }, { ignoreRange: true }] },
      ],
      ["has too many requests for a moment", { [INDEX]: [{ status: 429, headers: { "retry-after": "0" } }] }],
      ["calls gzip an encoding", { [INDEX]: [{ contentEncoding: "gzip" }] }],
      ["sends a file slowly", { [POOL]: [{ slow: { pieces: 5, pauseMs: 20 } }] }],
    ])("%s is used", async (_, faults) => {
      expect(await trial.build(suite(), { faults })).toMatchObject({
        tree: expect.stringContaining('usr/demo "demo"'),
      });
    });

    test.concurrent.each<[what: string, faults: Record<string, readonly Fault[]>, kind: RegExp, message: RegExp]>([
      ["has lost a file", { [POOL]: [{ status: 404 }] }, /network/, /demo_1\.0_all\.deb.*404/s],
      ["forbids it", { [POOL]: [{ status: 403 }] }, /network/, /demo_1\.0_all\.deb.*403/s],
      ["has it no more by law", { [INDEX]: [{ status: 451 }] }, /network/, /Packages\.gz.*451/s],
      ["leads to data", { [POOL]: [{ redirect: "data:,x" }] }, /network/, /redirect/],
      [
        "leads in a circle",
        { [POOL]: Array.from({ length: 20 }, () => ({ redirect: `/${POOL}` })) },
        /network/,
        /redirect/,
      ],
      [
        "sends a list that is longer than it should be",
        { [INDEX]: [{ endless: true }, { endless: true }, { endless: true }] },
        /verification/,
        /Packages\.gz/,
      ],
      ["sends a page for a package", { [POOL]: [{ replacedBy: HTML }] }, /verification|network/, /demo_1\.0_all\.deb/],
      [
        "sends a page for a list",
        { [INDEX]: [{ replacedBy: HTML }, { replacedBy: HTML }, { replacedBy: HTML }] },
        /verification|network/,
        /Packages\.gz/,
      ],
    ])("%s is not believed", async (_, faults, kind, message) => {
      const { error } = await trial.build(suite(), { faults });
      expect(error).toMatchObject({ kind: expect.stringMatching(kind), message: expect.stringMatching(message) });
    });

    test.concurrent("answers with what it likes in its headers has no say in names", async () => {
      const headers = {
        "content-disposition": "attachment; filename=../../evil",
        "x-evil": "201 URI Done\t Filename: /etc/passwd",
      };
      const { error, tree } = await trial.build(suite(), { faults: { [POOL]: [{ status: 503, headers }] } });
      expect({ error, tree }).toMatchObject({ error: undefined, tree: expect.not.stringContaining("evil") });
    });
  });

  describe("whose lock was changed", () => {
    let archive: OpenArchive;
    beforeAll(async () => {
      archive = await trial.open(suite());
    });
    afterAll(() => archive?.[Symbol.asyncDispose]());
    const input = (change: (demo: LockedInput) => object) => (lock: Lock) => ({
      ...lock,
      inputs: lock.inputs.map((each) => (each.name === "demo" ? { ...each, ...change(each) } : each)),
    });
    const facts = (more: Record<string, string>) => input((demo) => ({ facts: { ...demo.facts, ...more } }));
    const system = (more: object) => (lock: Lock) => ({
      ...lock,
      options: { ...lock.options, system: { ...(lock.options["system"] as object), ...more } },
    });
    const option = (more: object) => (lock: Lock) => ({ ...lock, options: { ...lock.options, ...more } });

    test.each<[what: string, change: (lock: Lock) => unknown]>([
      ["a name that is an option", input(() => ({ name: "--admindir=x" }))],
      ["a name that is a path", input(() => ({ name: "../demo" }))],
      ["a name that ends a line", input(() => ({ name: "demo\nStatus: x" }))],
      [
        "a package twice",
        (lock) => ({ ...lock, inputs: [...lock.inputs, ...lock.inputs.filter(({ name }) => name === "demo")] }),
      ],
      ["a version with a space", facts({ version: "1 0" })],
      ["an architecture that is a path", facts({ architecture: "../x" })],
      ["a section of two lines", facts({ section: "a\nEssential: yes" })],
      ["no digest", input(() => ({ sha256: undefined }))],
      ["a digest of another length", input(() => ({ sha256: "a".repeat(32) }))],
      ["no size", input(() => ({ size: undefined }))],
      ["a negative size", input(() => ({ size: -1 }))],
      ["a size that is none", input(() => ({ size: 1.5 }))],
      ["another kind of URL", input(() => ({ url: "ftp://example.org/x" }))],
      ["no URL", input(() => ({ url: "demo.deb" }))],
      ["an option nobody knows", option({ evil: true })],
      ["a value that an option does not have", option({ configure: "host" })],
      ["tweaks that are none", option({ tweaks: ["none", "default"] })],
      ["no system", option({ system: undefined })],
      ["another distribution", system({ distribution: "arch" })],
      ["a codename that is a path", system({ codename: "../../x" })],
      ["an architecture that is an option", system({ architecture: "--x" })],
      ["a source of two lines", system({ sources: ["deb http://x y z\ndeb http://evil y z"] })],
      ["a source that is none", system({ sources: ["evil"] })],
      [
        "a key outside its folder",
        system({ keyrings: [{ path: "etc/apt/keyrings/../../passwd.gpg", base64: "AAAA" }] }),
      ],
      ["a key that is none", system({ keyrings: [{ path: "etc/apt/keyrings/a.gpg", base64: "\0" }] })],
    ])("so that it has %s is refused before anything is fetched", async (_, changeLock) => {
      const { error, requests } = await archive.produce(changeLock(archive.lock));
      expect(error).toMatchObject({ code: expect.stringMatching(/^(?:LOCK|OPTION)_INVALID$/), kind: "usage" });
      expect(requests).toEqual([]);
    });

    test.each<[what: string, change: (lock: Lock) => unknown, code: string]>([
      // First: later the right file is in the cache, and no URL is asked.
      ["another URL", input(({ url }) => ({ url: url.replace(POOL, IN_RELEASE) })), "FETCH_WRONG_SIZE"],
      ["a file of this machine", input(() => ({ url: "file:///etc/hostname" })), "FETCH_WRONG_SIZE"],
      ["another digest", input(() => ({ sha256: "a".repeat(64) })), "FETCH_MISMATCH"],
      ["another size", input(({ size = 0 }) => ({ size: size + 1 })), "FETCH_WRONG_SIZE"],
      ["another version", facts({ version: "2.0" }), "DEB_INVALID"],
      ["another architecture", facts({ architecture: DEB_ARCHITECTURE }), "DEB_INVALID"],
      ["another name", input(() => ({ name: "other" })), "DEB_INVALID"],
    ])("so that a package has %s is refused by what it is", async (_, changeLock, code) => {
      const { error } = await archive.produce(changeLock(archive.lock));
      expect(error).toMatchObject({ code, kind: "verification" });
    });
  });
});

/** What is shown of hostile text does nothing to a terminal, and does not fill it. */
function expectShort(error: unknown): void {
  expect(String(error)).not.toMatch(/[^\P{Cc}\n]/u);
  expect(String(error).length).toBeLessThan(2000);
}

function flipped(bytes: Buffer, at: number): Buffer {
  const changed = Buffer.from(bytes);
  const place = at < 0 ? changed.length + at : at;
  changed[place] = (changed[place] ?? 0) ^ 1;
  return changed;
}
