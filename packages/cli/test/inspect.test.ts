import { bytesFromText, type Entry } from "@base-kit/core";
import { entriesFromText } from "@base-kit/testing";
import { describe, expect, test } from "vitest";
import { renderAttach } from "../src/commands/attach.ts";
import { renderCopy } from "../src/commands/copy.ts";
import type { ComparedImages } from "../src/commands/diff.ts";
import { renderPacked } from "../src/commands/pack.ts";
import { renderTags } from "../src/commands/tags.ts";
import { compareEntries, linksOf } from "../src/inspect/compare-entries.ts";
import { renderContext } from "../src/render/context.ts";
import { renderDifference, renderMarkdown } from "../src/render/difference.ts";
import { renderExplained } from "../src/render/explained.ts";
import { renderInspected } from "../src/render/inspected.ts";
import { renderLock } from "../src/render/lock.ts";
import { renderImageResult } from "../src/result.ts";
import { shellWord } from "../src/shell-word.ts";

function treeOf(text: string) {
  const byPath = new Map(entriesFromText(text).map((entry: Entry) => [entry.path, entry]));
  return { byPath, links: linksOf(byPath) };
}

async function fields(before: string, after: string, path = "a"): Promise<readonly string[]> {
  const changes = await compareEntries(bytesFromText(path), [treeOf(before), treeOf(after)]);
  return changes.map(({ field, before: one, after: other }) => `${field}: ${one} -> ${other}`);
}

describe("what differs at one path", () => {
  test.each([
    ['file 644 0:0 a "x"', 'file 644 0:0 a "x"', []],
    ['file 644 0:0 a "x"', 'file 644 0:0 a "xy"', ["content: 1 bytes -> 2 bytes"]],
    ['file 644 0:0 a "x"', 'file 4755 0:0 a "x"', ["mode: 0644 -> 4755"]],
    ['file 644 0:0 a "x"', 'file 644 5:6 a "x"', ["owner: 0:0 -> 5:6"]],
    ['file 644 0:0@1 a "x"', 'file 644 0:0@2 a "x"', ["time: 1 -> 2"]],
    ['file 644 0:0 a "x"', 'file 644 0:0 a "x" {user.k="v"}', ["xattrs:  -> user.k=dg=="]],
    ['file 644 0:0 a "x"', "directory 644 0:0 a/", ["type: file -> directory"]],
    ["symlink 777 0:0 a -> b", "symlink 755 0:0 a -> c", ["target: b -> c"]],
    ["character-device 666 0:0 a 1,3", "character-device 666 0:0 a 1,5", ["device: 1:3 -> 1:5"]],
  ])("%s and %s", async (before, after, expected) => {
    expect(await fields(before, after)).toEqual(expected);
  });

  test("files of the same size are read", async () => {
    const [change] = await fields('file 644 0:0 a "x"', 'file 644 0:0 a "y"');
    expect(change).toMatch(/^content: sha256:2d71.* -> sha256:a1fc/);
  });

  test("a hard link is the file it shares", async () => {
    const linked = 'file 644 0:0 a "x"\nhardlink 644 0:0 b => a';
    const apart = 'file 644 0:0 a "x"\nfile 644 0:0 b "x"';
    expect(await fields(linked, linked, "b")).toEqual([]);
    expect(await fields(linked, apart, "b")).toEqual(["links: a b -> "]);
  });
});

const same: ComparedImages = {
  same: false,
  before: { name: "old", digest: `sha256:${"0".repeat(64)}` },
  after: { name: "new", digest: `sha256:${"1".repeat(64)}` },
  packages: { added: [], removed: [], changed: [] },
  files: { added: [], removed: [], changed: [], onlyTime: 0 },
  config: [],
  layers: { reused: { count: 1, size: 1000 }, new: { count: 1, size: 500 } },
  size: { before: 1000, after: 1500 },
};

describe("a difference as text", () => {
  test("names packages, settings and files, and sums up", () => {
    const text = renderDifference({
      ...same,
      packages: {
        added: [{ name: "curl", version: "8" }],
        removed: [],
        changed: [{ name: "libc6", before: "2.36-9", after: "2.36-10" }],
      },
      config: [{ field: "config.Cmd", before: ["sh"], after: ["bash"] }],
      files: { added: ["/usr/bin/curl"], removed: ["/x"], changed: [], onlyTime: 3 },
    });
    expect(text.split("\n").slice(2)).toEqual([
      "packages",
      "  + curl  8",
      "  ~ libc6  2.36-9 → 2.36-10",
      "config",
      '  ~ config.Cmd  "[\\"sh\\"]" → "[\\"bash\\"]"',
      "files",
      "  + /usr/bin/curl",
      "  - /x",
      "time       3 more paths differ in their time alone",
      "layers     1 of 2 reused (1.00 kB), 500 B new",
      "size       1.00 kB → 1.50 kB (+500 B)",
      "",
    ]);
  });

  test("shows nothing of a hostile name as it is, on a terminal or in a comment", () => {
    const hostile = { ...same, files: { ...same.files, added: ["/\x1b[2J`|</table>\n## Approved"] } };
    expect(renderDifference(hostile)).not.toContain("\x1b");
    const markdown = renderMarkdown(hostile);
    expect(markdown).not.toContain("\x1b");
    expect(markdown.split("\n").filter((line) => /^#+ Approved/.test(line))).toEqual([]);
    const row = markdown.split("\n").find((line) => line.includes("table")) ?? "";
    expect(row.match(/`/g)).toHaveLength(2);
    expect(row.match(/(?<!\\)\|/g)).toHaveLength(4);
  });
});

const DIGEST = `sha256:${"0".repeat(64)}` as const;
const HOSTILE = "\x1b[2J\u202e\n## x";

/** Whether a terminal would show it as it is meant. */
function isHarmless(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return !/[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e]|^## x/m.test(text);
}

test("an image cannot draw on the terminal of whoever inspects it", () => {
  const digest = DIGEST;
  const texts = [HOSTILE];
  const text = renderInspected({
    name: HOSTILE,
    digest,
    platforms: ["linux/amd64"],
    image: {
      platform: "linux/amd64",
      id: digest,
      digest,
      created: HOSTILE,
      system: HOSTILE,
      size: 1,
      unpacked: 1,
      entries: 1,
      runtime: {
        env: { [HOSTILE]: HOSTILE },
        cmd: texts,
        entrypoint: texts,
        user: HOSTILE,
        workdir: HOSTILE,
        expose: texts,
        volumes: texts,
        labels: { [HOSTILE]: HOSTILE },
        stopSignal: HOSTILE,
      },
      annotations: { [HOSTILE]: HOSTILE },
      layers: [{ digest, diffId: digest, compression: "gzip", size: 1, unpacked: 1, entries: 1, createdBy: HOSTILE }],
      packages: [{ name: HOSTILE, version: HOSTILE, architecture: HOSTILE, size: 1 }],
      folders: [{ path: HOSTILE, size: 1 }],
      wasted: { size: 1, files: [{ path: HOSTILE, size: 1, layer: 0, by: 1, how: "removed" }] },
    },
  });
  expect(isHarmless(text)).toBe(true);
  expect(text.match(/2J/g)?.length).toBeGreaterThan(15);
});

test("nor can a lock", () => {
  const change = { name: HOSTILE, before: HOSTILE, after: HOSTILE };
  const platform = { platform: "linux/amd64", inputs: 1, added: [HOSTILE], removed: [HOSTILE], changed: [change] };
  const vendored = { directory: HOSTILE, files: 1, size: 1, skipped: [HOSTILE] };
  expect(isHarmless(renderLock({ file: HOSTILE, changed: true, platforms: [platform], vendored }))).toBe(true);
});

test.each<[string, () => string]>([
  [
    "names of outputs",
    () =>
      renderImageResult({
        ...{ references: [HOSTILE], id: DIGEST, size: 1, platform: "linux/amd64", created: 0, diffIds: [] },
        ...{ images: [], outputs: [], sboms: [], run: `ls -l ${shellWord(HOSTILE)}` },
      }),
  ],
  ["names of copies", () => renderCopy({ references: [HOSTILE], digest: DIGEST, platforms: ["linux/amd64"] })],
  ["names of tars", () => renderPacked({ file: HOSTILE, size: 1, digest: DIGEST })],
  ["names of build contexts", () => renderContext({ dir: HOSTILE }, HOSTILE)],
  ["tags of a registry", () => renderTags({ repository: "x", tags: [HOSTILE] })],
  ["types of documents", () => renderAttach({ subject: DIGEST, digest: DIGEST, listedAt: "referrers", type: HOSTILE })],
  [
    "what programs need",
    () => {
      const origin = { foundBy: "cache", neededBy: [HOSTILE], package: HOSTILE } as const;
      const library = { name: HOSTILE, path: "/lib", size: 1, ...origin } as const;
      const program = { file: HOSTILE, path: HOSTILE, size: 1, interpreter: HOSTILE, libraries: [library] };
      return renderExplained({ programs: [program], additions: [], files: 1, size: 1 });
    },
  ],
])("nor can %s", (_, render) => {
  expect(isHarmless(render())).toBe(true);
  expect(render()).toContain("2J");
});

test("what an update of a lock moved is named with its versions", () => {
  const changed = [{ name: "libc6", before: "2.36-9", after: "2.36-10" }];
  const platform = { platform: "linux/amd64", inputs: 88, added: [], removed: ["tzdata"], changed };
  expect(renderLock({ file: "base-kit.lock", changed: true, platforms: [platform] }).split("\n")).toEqual([
    "lock  base-kit.lock",
    "  linux/amd64  88 inputs: 1 removed, 1 changed",
    "    - tzdata",
    "    ~ libc6  2.36-9 → 2.36-10",
    "",
  ]);
});
