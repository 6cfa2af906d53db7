import { chmodSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { ByteString, Entry, InstalledPackage, Layer, Rootfs, Segment } from "@base-kit/core";
import { applyTransforms, clampTimes, directoryEntry, fileEntry, mergedEntries } from "@base-kit/rootfs";
import { readContent } from "@base-kit/testing";
import { describe, expect, test } from "vitest";
import { buildImage, compressAhead, validateImage } from "../src/index.ts";
import { planLayers } from "../src/plan-layers.ts";
import { inContext, type TestContext } from "./in-context.ts";

/** A package with a folder of its own and a file in a folder all have. */
function segment(name: string, text = name, size = 10): Segment {
  const entries = [
    directoryEntry("usr"),
    directoryEntry("usr/share", { mtime: 7 }),
    fileEntry(`usr/share/${name}`, text.padEnd(size, ".")),
    directoryEntry(`usr/${name}`),
    fileEntry(`usr/${name}/data`, "x".repeat(size)),
  ];
  return { key: `${name} ${text} ${size}`, origin: name, entries: () => entries };
}

function rootfs(segments: readonly Segment[], packages: readonly Partial<InstalledPackage>[] = []): Rootfs {
  return {
    platform: { os: "linux", architecture: "amd64" },
    osRelease: {},
    packages: packages as readonly InstalledPackage[],
    segments,
    runtime: {},
  };
}

async function layersOf(of: Rootfs, context: TestContext, layers = 1): Promise<readonly Layer[]> {
  const image = await buildImage(of, { created: 0, layers }, context);
  await validateImage(image);
  return image.layers;
}

/** The members of a gzip file, by where the next header is: base-kit's are always the same ten bytes. */
async function membersOf(layer: Layer): Promise<readonly Buffer[]> {
  const bytes = await readContent(layer.open());
  const header = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
  const members: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const next = bytes.indexOf(header, at + 1);
    const end = next < 0 ? bytes.length : next;
    members.push(gunzipSync(bytes.subarray(at, end)));
    at = end;
  }
  return members;
}

function namesIn(tar: Buffer): readonly string[] {
  const names: string[] = [];
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0; ) {
    names.push(tar.toString("latin1", at, at + 100).replace(/\0.*/s, ""));
    const size = Number.parseInt(tar.toString("latin1", at + 124, at + 136), 8);
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return names;
}

function lastDetail({ events }: TestContext): string | undefined {
  return events.findLast((event) => event.type === "step.ended")?.detail;
}

describe("a layer", () => {
  test("has all folders in its first member, a member for each segment, and its end in the last", async () => {
    using context = inContext();
    const [layer] = await layersOf(rootfs([segment("b"), segment("a")]), context);
    const members = await membersOf(layer as Layer);
    expect(members.map(namesIn)).toEqual([
      ["usr/", "usr/a/", "usr/b/", "usr/share/"],
      ["usr/b/data", "usr/share/b"],
      ["usr/a/data", "usr/share/a"],
      [],
    ]);
    expect(members.at(-1)).toEqual(Buffer.alloc(1024));
    expect(layer?.compressor).toMatch(/^node-zlib-/);
  });

  test("of one segment is one member in the order of the tree", async () => {
    using context = inContext();
    const [layer] = await layersOf(rootfs([segment("a")]), context);
    const [first] = await membersOf(layer as Layer);
    expect(namesIn(first as Buffer)).toEqual(["usr/", "usr/a/", "usr/a/data", "usr/share/", "usr/share/a"]);
  });

  test("has the same diffID whatever compresses it", async () => {
    using context = inContext();
    const tree = rootfs([segment("a"), segment("b")]);
    const plain = await buildImage(tree, { created: 0, compression: "none" }, context);
    const [packed] = await layersOf(tree, context);
    expect(plain.layers[0]?.diffId).toBe(packed?.diffId);
  });
});

describe("the cache of members", () => {
  const all = () => Array.from({ length: 6 }, (_, at) => segment(`p${at}`, `text ${at}`, 3000));

  test("leaves only what changed to be compressed", async () => {
    using context = inContext();
    const [before] = await layersOf(rootfs(all()), context);
    expect(lastDetail(context)).toBe("20 entries");
    const changed = all().with(3, segment("p3", "other", 3000));
    const [after] = await layersOf(rootfs(changed), context);
    expect(lastDetail(context)).toBe("20 entries, 6 of 7 parts cached");
    using empty = inContext();
    const [fresh] = await layersOf(rootfs(changed), empty);
    expect(after).toMatchObject({ digest: fresh?.digest, diffId: fresh?.diffId, size: fresh?.size });
    expect(after?.digest).not.toBe(before?.digest);
  });

  test("takes over parts that were compressed ahead, under whatever else it has", async () => {
    using context = inContext();
    using apart = inContext();
    const [foreseen, made] = [[segment("a"), segment("b", "b", 3000)], segment("made")];
    await compressAhead(rootfs(foreseen), {}, context).ended;
    const [layer] = await layersOf(rootfs([...foreseen, made]), context);
    expect(lastDetail(context)).toContain("2 of 4 parts cached");
    expect(layer?.digest).toBe((await layersOf(rootfs([...foreseen, made]), apart))[0]?.digest);
    expect(readdirSync(context.tempDir)).toEqual([]);
  });

  test("is not waited for when it was compressed ahead in vain", async () => {
    using context = inContext();
    const broken: Segment = {
      key: "broken",
      origin: "broken",
      entries: () => [{ ...fileEntry("broken", "x"), size: 2 }],
    };
    await compressAhead(rootfs([segment("a"), broken]), {}, context).stop();
    await compressAhead(rootfs([segment("a"), broken]), {}, context).ended;
    expect(context.events).toEqual([]);
    expect(readdirSync(context.tempDir)).toEqual([]);
  });

  test("spares a whole layer that is known even the reading of its files", async () => {
    using context = inContext();
    const [first] = await layersOf(rootfs(all()), context);
    const unreadable = all().map(({ entries, ...rest }) => ({
      ...rest,
      entries: () =>
        [...entries()].map((entry): Entry => (entry.type === "file" ? { ...entry, content: forbidden } : entry)),
    }));
    using later = inContext(context);
    const [second] = await layersOf(rootfs(unreadable), later);
    expect(second?.digest).toBe(first?.digest);
    expect(lastDetail(later)).toBe("20 entries, cached");
  });

  test("knows a segment again that a transform did nothing to, and not one that it changed", async () => {
    using context = inContext();
    const late = fileEntry("late", "", { mtime: 99 });
    const segments = [...all(), { key: "late", origin: "late", entries: () => [late] }];
    await layersOf(rootfs(segments), context);
    await layersOf(applyTransforms(rootfs(segments), [clampTimes(50)]), context);
    expect(lastDetail(context)).toBe("21 entries, 7 of 8 parts cached");
  });

  const damage: readonly (readonly [string, (file: string) => void])[] = [
    [
      "damaged",
      (file) =>
        writeFileSync(
          file,
          readFileSync(file).map((byte, at) => (at === 9 ? byte ^ 1 : byte)),
        ),
    ],
    ["cut short", (file) => truncateSync(file, 20)],
    ["emptied", (file) => truncateSync(file, 0)],
    ["removed", (file) => rmSync(file)],
  ];
  test.each(damage)("makes again what was %s", async (_how, spoil) => {
    using context = inContext();
    const [before] = await layersOf(rootfs(all()), context);
    for (const file of filesBelow(context.cacheDir).filter((_, at) => at % 2 === 0)) {
      chmodSync(file, 0o644);
      spoil(file);
    }
    using later = inContext(context);
    const [after] = await layersOf(rootfs(all()), later);
    expect(after?.digest).toBe(before?.digest);
    using last = inContext(context);
    await layersOf(rootfs(all()), last);
    expect(lastDetail(last)).toBe("20 entries, cached");
  });

  test("refuses a segment whose key says that its content is another's", async () => {
    using context = inContext();
    await layersOf(rootfs(all()), context);
    const { key } = segment("p2", "text 2", 3000);
    const lying = all().with(2, { ...segment("p2", "Text 2", 3000), key });
    const changed = lying.with(5, segment("p5", "other", 3000));
    await expect(layersOf(rootfs(changed), context)).rejects.toMatchObject({
      code: "IMAGE_INVALID",
      message: expect.stringContaining("a part that was kept"),
    });
  });

  test("may be used by several builds at once", async () => {
    using context = inContext();
    const contexts = Array.from({ length: 4 }, () => inContext(context));
    const layers = await Promise.all(contexts.map((each) => layersOf(rootfs(all()), each)));
    for (const each of contexts) each[Symbol.dispose]();
    expect(new Set(layers.map(([layer]) => layer?.digest)).size).toBe(1);
  });

  test("that cannot be written to is told of, and the layer is made", async () => {
    using context = inContext();
    writeFileSync(context.cacheDir, "a file, not a folder");
    const [layer] = await layersOf(rootfs(all()), context);
    expect(layer?.size).toBeGreaterThan(0);
    expect(context.events).toContainEqual(expect.objectContaining({ type: "warned", code: "CACHE_UNUSABLE" }));
  });
});

describe("several layers", () => {
  const packages = [
    { name: "libc6", source: "glibc" },
    { name: "libc-bin", source: "glibc" },
    { name: "perl" },
    { name: "bash" },
    { name: "sed" },
  ];
  const segments = [
    segment("libc6", "1", 50_000),
    segment("bash", "1", 20_000),
    segment("sed", "1", 100),
    segment("perl", "1", 90_000),
    segment("libc-bin", "1", 60_000),
    segment("sources.list"),
  ];
  const titles = (count: number) => planLayers(rootfs(segments, packages), count).map(({ title }) => title);

  test("are the largest sources alone, the rest together, and what was written for the image on top", () => {
    expect(titles(1)).toEqual([""]);
    expect(titles(2)).toEqual(["other packages", "configuration"]);
    expect(titles(3)).toEqual(["glibc", "other packages", "configuration"]);
    expect(titles(4)).toEqual(["glibc", "perl", "other packages", "configuration"]);
    expect(titles(9)).toEqual(["glibc", "perl", "bash", "sed", "configuration"]);
  });

  test("hold every file once, and a folder only as it is", async () => {
    using context = inContext();
    const tree = rootfs(segments, packages);
    const folders = new Map<string, Set<string>>();
    const files: string[] = [];
    for (const { members } of planLayers(tree, 4)) {
      for (const entry of members.flatMap(({ entries }) => entries())) {
        if (entry.type !== "directory") files.push(entry.path);
        else folders.set(entry.path, (folders.get(entry.path) ?? new Set()).add(JSON.stringify(entry)));
      }
    }
    const merged = mergedEntries(tree).filter(({ type }) => type !== "directory");
    expect(files.sort()).toEqual(merged.map(({ path }) => path).sort());
    expect([...folders.values()].filter(({ size }) => size !== 1)).toEqual([]);
    expect(await layersOf(tree, context, 4)).toHaveLength(4);
  });

  test("change one by one", async () => {
    using context = inContext();
    const before = await layersOf(rootfs(segments, packages), context, 4);
    const changed = segments.with(3, segment("perl", "2", 90_000));
    const after = await layersOf(rootfs(changed, packages), context, 4);
    expect(after.map(({ digest }, at) => digest === before[at]?.digest)).toEqual([true, false, true, true]);
  });

  test("never have a hard link to another layer", () => {
    const file = fileEntry("bin/a", "text", { mode: 0o755 });
    const link = { type: "hardlink", path: "bin/b" as ByteString, target: "bin/a" as ByteString } as const;
    const meta = { mode: 0o755, uid: 0, gid: 0, mtime: 0 };
    const linked = [
      { key: "1", origin: "one", entries: () => [file] },
      { key: "2", origin: "two", entries: () => [{ ...link, ...meta }, fileEntry("etc/two", "")] },
    ];
    const plans = planLayers(rootfs(linked, [{ name: "one" }, { name: "two" }]), 9);
    expect(plans.map(({ members }) => members.flatMap(({ entries }) => entries().map(({ path }) => path)))).toEqual([
      ["bin", "bin/a", "bin/b"],
      ["etc", "etc/two"],
    ]);
  });
});

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort();
}

function forbidden(): never {
  throw new Error("a file was read");
}
