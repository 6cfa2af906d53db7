import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import { openDeb } from "../../src/unpack/deb.ts";
import { arOf, contentsOf, gathered, type Member, VERSION } from "../deb-bytes.ts";

const LIMITS = { data: 1024 ** 2 };
let control: Member;
let data: Member;
beforeAll(async () => {
  const contents = await contentsOf();
  control = { name: "control.tar.gz", bytes: gzipSync(contents.control) };
  data = { name: "data.tar", bytes: contents.data };
});

const open = async (members: readonly Member[], limits = LIMITS) => {
  const opened = await openDeb(arOf(members), { name: "demo.deb", limits });
  return { ...opened, data: await gathered(opened.data) };
};
const named = (name: string, bytes: Buffer | string = ""): Member => ({ name, bytes: Buffer.from(bytes) });

describe("a package", () => {
  test("gives its two archives, whatever each is compressed with", async () => {
    const zipped = { name: "data.tar.gz", bytes: gzipSync(data.bytes) };
    const opened = await open([VERSION, control, zipped]);
    expect(opened.data.equals(data.bytes)).toBe(true);
    expect(opened).toEqual(await open([VERSION, control, data]));
  });

  // The verdicts are dpkg-deb's; see the system test for those that it can be asked about.
  test.each<[string, () => Member[]]>([
    ["of a later minor version", () => [named("debian-binary", "2.1\n"), control, data]],
    ["with lines after the version", () => [named("debian-binary", "2.0\nmore\n"), control, data]],
    ["with a member that begins with an underscore", () => [VERSION, named("_gpgorigin", "x"), control, data]],
    ["with members after the data", () => [VERSION, control, data, named("later", "x")]],
  ])("%s is accepted", async (_, members) => {
    expect((await open(members())).data.equals(data.bytes)).toBe(true);
  });

  test.each<[string, () => Member[], string]>([
    ["without members", () => [], "its first member is not debian-binary"],
    ["whose version does not come first", () => [control, VERSION, data], "its first member is not debian-binary"],
    ["of another major version", () => [named("debian-binary", "3.0\n"), control, data], "expected 2.0"],
    ["without a version", () => [named("debian-binary"), control, data], "expected 2.0"],
    ["whose data comes first", () => [VERSION, data, control], "it has data.tar where control.tar is expected"],
    ["with a stranger between", () => [VERSION, control, named("evil"), data], "it has evil where data.tar"],
    ["with two control archives", () => [VERSION, control, control, data], "where data.tar is expected"],
    ["without control", () => [VERSION], "it has no control.tar"],
    ["without data", () => [VERSION, control], "it has no data.tar"],
    [
      "compressed in a way nobody knows",
      () => [VERSION, control, named("data.tar.br")],
      "not supported (gz, xz, zst, and lzma for data)",
    ],
    ["compressed as bzip2", () => [VERSION, control, named("data.tar.bz2")], "not supported"],
    ["named xz that is gzip", () => [VERSION, control, named("data.tar.xz", gzipSync("x"))], "compressed as gzip"],
    ["named gz that is not", () => [VERSION, control, named("data.tar.gz", "plain")], "compressed as none"],
  ])("%s is refused", async (_, members, why) => {
    await expect(open(members())).rejects.toMatchObject({
      code: "DEB_INVALID",
      kind: "verification",
      message: expect.stringContaining(why),
    });
  });

  test("whose data is larger than any package's is stopped at the limit", async () => {
    const bomb = { name: "data.tar.gz", bytes: gzipSync(Buffer.alloc(8 * 1024 ** 2)) };
    await expect(open([VERSION, control, bomb])).rejects.toMatchObject({
      code: "DECOMPRESS_TOO_LARGE",
      message: expect.stringContaining("data.tar of demo.deb"),
    });
  });

  test("whose archive is cut off is refused by its name", async () => {
    const cut = { name: "data.tar.gz", bytes: gzipSync(data.bytes).subarray(0, -9) };
    await expect(open([VERSION, control, cut])).rejects.toMatchObject({ code: "DECOMPRESS_DAMAGED" });
  });

  test("with a hostile name is named without its control characters", async () => {
    const named = openDeb(arOf([]), { name: "a\u001b[2J.deb", limits: LIMITS });
    await expect(named).rejects.toThrow('the package "a\\x1b[2J.deb" is refused');
  });
});
