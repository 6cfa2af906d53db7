import type { Context, LockedInput } from "@base-kit/core";
import { describe, expect, test } from "vitest";
import { elsewhere } from "../src/archive/elsewhere.ts";
import type { LockedBuild } from "../src/lock.ts";

const MIRROR = "http://mirror.test/debian";
const SECURITY = "http://mirror.test/debian-security";
const release = (suite: string, mirror: string, date: string): LockedInput => {
  return { name: `${suite} InRelease`, url: `${mirror}/dists/${suite}/InRelease`, facts: { date } };
};
const INPUTS = [
  release("bookworm", MIRROR, "2026-01-10T09:00:00.000Z"),
  release("bookworm-updates", MIRROR, "2026-02-01T08:00:00.000Z"),
  release("bookworm-security", SECURITY, "2026-02-01T20:30:00.000Z"),
  release("bookworm", "http://stuff.test/debian", "2026-03-01T00:00:00.000Z"),
];

function placesOf(url: string, { env = {}, options = {} }: { env?: object; options?: object } = {}) {
  const system = { distribution: "debian", suite: "bookworm", architecture: "amd64" };
  const build = { options, system, packages: [] } as unknown as LockedBuild;
  const context = { env, reporter: { emit: () => {} } } as unknown as Context;
  return elsewhere(build, { inputs: INPUTS }, context)(url);
}

describe("a package that its mirror has no longer", () => {
  const env = { BASE_KIT_DEBIAN_MIRROR: "http://other.test/debian" };

  test("may be at the mirror of this machine, and in the archive's past half a day after its Release", async () => {
    expect(await placesOf(`${MIRROR}/pool/main/a/a_1.deb`, { env })).toEqual([
      "http://other.test/debian/pool/main/a/a_1.deb",
      "http://snapshot.debian.org/archive/debian/20260202T083000Z/pool/main/a/a_1.deb",
    ]);
    expect(await placesOf(`${SECURITY}/pool/a_1.deb`, { env })).toEqual([
      "http://other.test/debian-security/pool/a_1.deb",
      "http://other.test/debian/pool/a_1.deb",
      "http://snapshot.debian.org/archive/debian-security/20260202T083000Z/pool/a_1.deb",
    ]);
  });

  test("is not asked for a second time where it was not, whoever asks", async () => {
    const same = { BASE_KIT_DEBIAN_MIRROR: "http://user:secret@mirror.test/debian" };
    expect(await placesOf(`${MIRROR}/pool/a_1.deb`, { env: same })).toEqual([
      expect.stringContaining("http://snapshot.debian.org/"),
    ]);
  });

  test.each([
    ["of an archive that was added", "http://stuff.test/debian/pool/a.deb", {}],
    ["of a mirror that the user named", `${MIRROR}/pool/a.deb`, { mirror: MIRROR }],
    ["of the archive's past", `${MIRROR}/pool/a.deb`, { snapshot: "2026-01-01" }],
    ["of a folder that begins alike", `${MIRROR}-private/pool/a.deb`, {}],
  ])("and is %s is asked for nowhere else", async (_, url, options) => {
    expect(await placesOf(url, { env, options })).toEqual([]);
  });
});
