import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Context, Lock, Producer } from "@base-kit/core";
import { readTextFile } from "@base-kit/rootfs";
import {
  createGpgHome,
  type DescribedSuite,
  type GpgHome,
  makeDebSuite,
  requires,
  type SigningKey,
  startMirror,
} from "@base-kit/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type DebianOptions, debian, ubuntu } from "../src/index.ts";
import { createWorkshop, resolveFor, type Workshop } from "./workshop.ts";

const DEBIAN = "http://snapshot.debian.org/";
const UBUNTU = "https://snapshot.ubuntu.com/";
const DAY = 24 * 3600 * 1000;
/** The snapshot's second, and the state that was the last then. */
const THEN = new Date("2024-03-02T00:00:00Z");
const MADE = new Date(THEN.getTime() - DAY);
const STAMP = "20240302T000000Z";

type Files = Readonly<Record<string, Buffer>>;

/** In the layouts of snapshot.debian.org and snapshot.ubuntu.com, which are not asked. */
describe.skipIf(requires("gpg").skip)("the archive of a day in the past", () => {
  let gpg: GpgHome;
  let key: SigningKey;
  let workshop: Workshop;

  beforeAll(() => {
    gpg = createGpgHome();
    // Out of date today, and good at that time.
    key = gpg.generate({ expires: "30d", at: "20240220T000000" });
  });
  afterAll(() => gpg?.[Symbol.dispose]());
  beforeEach(async () => {
    workshop = await createWorkshop();
    writeFileSync(join(workshop.dir, "keyring.gpg"), gpg.exportKeys([key]));
  });
  afterEach(() => workshop[Symbol.asyncDispose]());

  /** A suite as it was then: like security's, out of date after a week. */
  const suiteOf = (described: DescribedSuite = {}) => {
    const fields = [`Valid-Until: ${utc(MADE.getTime() + 7 * DAY)}`];
    return makeDebSuite({ date: MADE, fields, ...described }, (release) =>
      gpg.clearsign(release, { by: [key], at: "20240301T120000" }),
    );
  };
  const system = (suite: string, version: string): Files =>
    suiteOf({ suite, packages: [{ name: "demo", version, files: { "usr/bin/demo": version } }] });
  const below = (folder: string, files: Files): Files =>
    Object.fromEntries(Object.entries(files).map(([path, bytes]) => [`${folder}/${path}`, bytes]));
  const debianFiles = (): Files => ({
    ...below(`archive/debian/${STAMP}`, { ...system("bookworm", "1.0"), ...suiteOf({ suite: "bookworm-updates" }) }),
    ...below(`archive/debian-security/${STAMP}`, system("bookworm-security", "1.1")),
  });

  interface Asked {
    readonly producer?: Producer<DebianOptions>;
    readonly release?: string;
    readonly snapshot: string;
  }

  /** Resolves with a context that knows no host but those two, and gives the paths that it asked for. */
  async function within<T>(files: Files, work: (context: Context) => Promise<T>) {
    await using mirror = await startMirror(files);
    const fetch: Context["fetch"] = (url, options) => {
      expect(url.startsWith(DEBIAN) || url.startsWith(UBUNTU)).toBe(true);
      return workshop.context.fetch(url.replace(/^https?:\/\/[^/]+\//, mirror.url), options);
    };
    const result = await work({ ...workshop.context, fetch });
    return { result, paths: mirror.requests.map(({ path }) => path) };
  }
  const resolve = (files: Files, { producer = debian, release = "bookworm", snapshot }: Asked) =>
    within(files, (context) => resolveFor(producer, { release, options: optionsOf(snapshot) }, context));
  const optionsOf = (snapshot: string) => ({
    snapshot,
    keyring: join(workshop.dir, "keyring.gpg"),
    variant: "custom",
    include: ["demo"],
    tweaks: ["none"],
    configure: "none",
  });
  const chosen = ({ inputs }: Lock) => inputs.filter(({ name }) => name === "demo").map(({ url }) => url);

  test.each(["2024-03-02", "20240302", STAMP])("is asked for that second when %s is", async (snapshot) => {
    const { result: lock, paths } = await resolve(debianFiles(), { snapshot });
    expect(paths.filter((path) => path.endsWith("InRelease")).sort()).toEqual([
      `archive/debian-security/${STAMP}/dists/bookworm-security/InRelease`,
      `archive/debian/${STAMP}/dists/bookworm-updates/InRelease`,
      `archive/debian/${STAMP}/dists/bookworm/InRelease`,
    ]);
    // The newest of that time, although its Release and its key are out of date today.
    expect(chosen(lock)).toEqual([`${DEBIAN}archive/debian-security/${STAMP}/pool/main/demo_1.1_all.deb`]);
    expect(lock).toMatchObject({ sourceDateEpoch: MADE.getTime() / 1000, options: { snapshot } });
  });

  test("is one archive with Ubuntu", async () => {
    const files = below(`ubuntu/${STAMP}`, {
      ...system("noble", "1.0"),
      ...suiteOf({ suite: "noble-updates" }),
      ...system("noble-security", "1.1"),
    });
    const { result: lock } = await resolve(files, { producer: ubuntu, release: "noble", snapshot: STAMP });
    expect(chosen(lock)).toEqual([`${UBUNTU}ubuntu/${STAMP}/pool/main/demo_1.1_all.deb`]);
  });

  test("is what a lock made of it is built from, and what apt in the image uses", async () => {
    const { result: rootfs } = await within(debianFiles(), async (context) => {
      const lock = await resolveFor(debian, { release: "bookworm", options: optionsOf(STAMP) }, context);
      return debian.produce(JSON.parse(JSON.stringify(lock)), context);
    });
    expect(await readTextFile(rootfs, "usr/bin/demo")).toBe("1.1");
    expect((await readTextFile(rootfs, "etc/apt/sources.list"))?.split("\n")).toEqual([
      `deb [check-valid-until=no] ${DEBIAN}archive/debian/${STAMP} bookworm main`,
      `deb [check-valid-until=no] ${DEBIAN}archive/debian/${STAMP} bookworm-updates main`,
      `deb [check-valid-until=no] ${DEBIAN}archive/debian-security/${STAMP} bookworm-security main`,
      "",
    ]);
  });

  test.each([
    ["was out of date even then", new Date(THEN.getTime() - 8 * DAY), "RELEASE_EXPIRED", "was no longer updated"],
    ["is a later one", new Date(THEN.getTime() + DAY), "RELEASE_FROM_FUTURE", "a later state"],
  ])("whose Release %s is refused", async (_, date, code, hint) => {
    const fields = [`Valid-Until: ${utc(date.getTime() + 7 * DAY)}`];
    const files = below(`archive/debian/${STAMP}`, suiteOf({ date, fields }));
    await expect(resolve(files, { snapshot: STAMP })).rejects.toMatchObject({
      code,
      kind: "verification",
      message: expect.stringContaining("the snapshot is of 2024-03-02 00:00:00 UTC"),
      hint: expect.stringContaining(hint),
    });
  });

  test("that has no security updates is refused, rather than an image made without them", async () => {
    const files = Object.fromEntries(Object.entries(debianFiles()).filter(([path]) => !path.includes("security")));
    await expect(resolve(files, { snapshot: STAMP })).rejects.toMatchObject({
      code: "SUITE_NOT_ON_MIRROR",
      message: expect.stringContaining(`${DEBIAN}archive/debian-security/${STAMP} has no suite bookworm-security`),
    });
  });

  test.each([
    ["2024-02-30", "there is no such time"],
    ["20240302T250000Z", "there is no such time"],
    ["2999-01-01", "still to come"],
  ])("cannot be of %s, and nothing is asked for", async (snapshot, why) => {
    const error = await resolve({}, { snapshot }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "OPTION_INVALID", kind: "usage", message: expect.stringContaining(why) });
  });

  test.each(["yesterday", "2024-3-2", "2024-03-02T00:00:00Z", "../../x"])("is not called %j", async (snapshot) => {
    await expect(resolve({}, { snapshot })).rejects.toThrow("a snapshot is a day or a second in UTC");
  });
});

function utc(time: number): string {
  return new Date(time).toUTCString().replace("GMT", "UTC");
}
