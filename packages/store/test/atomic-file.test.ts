import { execFileSync } from "node:child_process";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fillFileAtomically, outputPlace, writeFileAtomically } from "../src/index.ts";

let dir: string;
let path: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "atomic-test-"));
  path = join(dir, "output");
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const chunks = [Buffer.from("new "), Buffer.alloc(0), Buffer.from("content")];

test("the file has the content, and nothing else is left", async () => {
  await writeFileAtomically(path, chunks);
  expect(readFileSync(path, "utf8")).toBe("new content");
  expect(statSync(path).mode & 0o777).toBe(0o666 & ~process.umask());
  writeFileSync(path, "old content, which is longer");
  await writeFileAtomically(path, chunks);
  expect(readFileSync(path, "utf8")).toBe("new content");
  expect(readdirSync(dir)).toEqual(["output"]);
});

test("what a killed process has left beside it goes, what a running one writes stays", async () => {
  // Process ids end at 4194304 (proc_sys_kernel(5), pid_max).
  let own = "";
  await writeFileAtomically(path, chunks, {
    check: async (temporary) => {
      own = basename(temporary);
    },
  });
  const dead = own.replace(/tmp-\d+/, "tmp-99999999");
  const elsewhere = dead.replace(/-[0-9a-f]{8}-/, "-00000000-");
  for (const name of [own, dead, `other-${dead}`, elsewhere, `${dead}.mine`]) writeFileSync(join(dir, name), "half");
  await writeFileAtomically(path, chunks);
  expect(readdirSync(dir).sort()).toEqual(["output", own, elsewhere, `${dead}.mine`].sort());
});

test("while it is written, the old one is there", async () => {
  writeFileSync(path, "old");
  async function* slow() {
    for (const chunk of chunks) {
      expect(readFileSync(path, "utf8")).toBe("old");
      expect(readdirSync(dir)).toHaveLength(2);
      yield chunk;
    }
  }
  await writeFileAtomically(path, slow());
  expect(readFileSync(path, "utf8")).toBe("new content");
});

test("the same behind a link, where a/../b is not b", async () => {
  mkdirSync(join(dir, "deep/folder"), { recursive: true });
  symlinkSync("deep/folder", join(dir, "shortcut"));
  let own = "";
  await writeFileAtomically(`${dir}/shortcut/../output`, chunks, {
    check: async (temporary) => {
      own = basename(temporary);
    },
  });
  writeFileSync(join(dir, "deep", own.replace(/tmp-\d+/, "tmp-99999999")), "half");
  await writeFileAtomically(`${dir}/shortcut/../output`, chunks);
  expect(readdirSync(join(dir, "deep"))).toEqual(["folder", "output"]);
});

describe("a symbolic link is followed and stays", () => {
  beforeEach(() => {
    mkdirSync(join(dir, "deep/folder"), { recursive: true });
    writeFileSync(join(dir, "deep/target"), "old");
    symlinkSync("deep/folder", join(dir, "shortcut"));
  });
  const fill = (link: string) =>
    fillFileAtomically(link, async (temporary) => writeFileSync(temporary, Buffer.concat(chunks)));

  test.each<[string, readonly (readonly [target: string, name: string])[]]>([
    ["to a file", [["deep/target", "output"]]],
    ["to a file by its whole name", [["DIR/deep/target", "output"]]],
    [
      "that leads to the next one",
      [
        ["deep/next", "output"],
        ["./target", "deep/next"],
      ],
    ],
    ["in a folder that is one", [["../target", "deep/folder/output"]]],
    ["through a folder that is one", [["shortcut/../target", "output"]]],
    ["to what is not there yet", [["deep/new", "output"]]],
  ])("%s", async (_, links) => {
    for (const [target, name] of links) symlinkSync(target.replace("DIR", dir), join(dir, name));
    const name = links[0]?.[1] === "output" ? "output" : "shortcut/output";
    const isNew = links[0]?.[0] === "deep/new";
    for (const write of [(link: string) => writeFileAtomically(link, chunks), fill]) {
      if (!isNew) writeFileSync(join(dir, "deep/target"), "old");
      await write(join(dir, name));
      expect(readFileSync(join(dir, isNew ? "deep/new" : "deep/target"), "utf8")).toBe("new content");
      for (const [target, link] of links) expect(readlinkSync(join(dir, link))).toBe(target.replace("DIR", dir));
    }
    const left = ["", "deep", "deep/folder"].flatMap((folder) =>
      readdirSync(join(dir, folder)).map((each) => (folder === "" ? each : `${folder}/${each}`)),
    );
    const made = links.map(([, link]) => link);
    if (isNew) made.push("deep/new");
    expect(left.sort()).toEqual(["deep", "deep/folder", "deep/target", "shortcut", ...made].sort());
  });

  test("and so does the old content when the source fails", async () => {
    symlinkSync("deep/target", path);
    async function* failing() {
      yield Buffer.alloc(10);
      throw new Error("broken");
    }
    await expect(writeFileAtomically(path, failing())).rejects.toThrow("broken");
    expect(readFileSync(path, "utf8")).toBe("old");
    expect(readlinkSync(path)).toBe("deep/target");
    expect(readdirSync(join(dir, "deep")).sort()).toEqual(["folder", "target"]);
  });

  test("unless the folder may be somebody else's: then it gives way", async () => {
    symlinkSync("deep/target", path);
    await writeFileAtomically(path, chunks, { replaceLinks: true });
    expect(lstatSync(path).isFile()).toBe(true);
    expect(readFileSync(join(dir, "deep/target"), "utf8")).toBe("old");
  });
});

describe("the old file stays and nothing else is left when", () => {
  test("the source fails, whose error is thrown", async () => {
    writeFileSync(path, "old");
    const failure = new Error("broken");
    async function* failing() {
      yield Buffer.alloc(100_000);
      throw failure;
    }
    expect(await writeFileAtomically(path, failing()).catch((error) => error)).toBe(failure);
    expect(readFileSync(path, "utf8")).toBe("old");
    expect(readdirSync(dir)).toEqual(["output"]);
  });

  test("the target is a folder", async () => {
    mkdirSync(path);
    await expect(writeFileAtomically(path, chunks)).rejects.toMatchObject({
      code: "WRITE_FAILED",
      kind: "environment",
      message: expect.stringContaining(path),
      hint: expect.stringContaining("untouched"),
    });
    expect(readdirSync(dir)).toEqual(["output"]);
  });

  test("the target is a named pipe, or a link to what a program has open", async () => {
    execFileSync("mkfifo", [path]);
    await expect(writeFileAtomically(path, chunks)).rejects.toMatchObject({
      code: "WRITE_FAILED",
      message: expect.stringContaining("a named pipe is there"),
    });
    expect(statSync(path).isFIFO()).toBe(true);
    const link = join(dir, "stdout");
    symlinkSync("/proc/self/fd/1", link);
    await expect(fillFileAtomically(link, async () => {})).rejects.toMatchObject({ code: "WRITE_FAILED" });
    expect(readlinkSync(link)).toBe("/proc/self/fd/1");
    expect(readdirSync(dir).sort()).toEqual(["output", "stdout"]);
  });

  test.skipIf(process.platform !== "linux")("the target is what a program has open, itself or as it was", async () => {
    const log = await open(join(dir, "log"), "a");
    try {
      await log.write("old");
      symlinkSync(`../..${"/..".repeat(dir.split("/").length)}/proc/self/fd/${log.fd}`, join(dir, "link"));
      const attempts = async () => {
        for (const name of [`/dev/fd/${log.fd}`, `/proc/self/fd/${log.fd}`, join(dir, "link")]) {
          await expect(writeFileAtomically(name, chunks)).rejects.toMatchObject({
            code: "WRITE_FAILED",
            message: expect.stringMatching(/a link to .*\/log/),
          });
        }
      };
      await attempts();
      expect(readFileSync(join(dir, "log"), "utf8")).toBe("old");
      rmSync(join(dir, "log"));
      await attempts();
      expect(readdirSync(dir)).toEqual(["link"]);
    } finally {
      await log.close();
    }
  });

  test("the name, or that of a link's target, is a folder's", async () => {
    symlinkSync("new/", path);
    for (const name of [path, join(dir, "other/")]) {
      await expect(writeFileAtomically(name, chunks)).rejects.toMatchObject({
        code: "WRITE_FAILED",
        message: expect.stringMatching(/: only a folder's name ends with a slash$/),
      });
    }
    expect(readdirSync(dir)).toEqual(["output"]);
  });

  test("the target is a link to such things, or one of links that lead to each other", async () => {
    execFileSync("mkfifo", [join(dir, "pipe")]);
    const links = { pipe: "to-pipe", "/proc/self/fd/1": "out", out: "to-out", folder: "to-folder", b: "a", a: "b" };
    mkdirSync(join(dir, "folder"));
    for (const [target, link] of Object.entries(links)) symlinkSync(target, join(dir, link));
    const before = readdirSync(dir);
    for (const [link, what] of [
      ["to-pipe", "a named pipe is there"],
      ["to-out", "a link to /proc/self/fd/1 is there"],
      ["to-folder", "a directory is there"],
      ["a", "links that lead to each other is there"],
    ] as const) {
      await expect(writeFileAtomically(join(dir, link), chunks)).rejects.toMatchObject({
        code: "WRITE_FAILED",
        message: expect.stringContaining(what),
      });
    }
    expect(readdirSync(dir)).toEqual(before);
    for (const [target, link] of Object.entries(links)) expect(readlinkSync(join(dir, link))).toBe(target);
  });

  test("it has no name", async () => {
    const refused = { code: "WRITE_FAILED", message: 'cannot write "": a name is missing' };
    expect(() => outputPlace("")).toThrow(expect.objectContaining(refused));
    await expect(writeFileAtomically("", chunks)).rejects.toMatchObject(refused);
  });

  test("its folder does not exist", async () => {
    writeFileSync(join(dir, "file"), "");
    for (const [folder, why] of [
      ["no", `there is no folder ${join(dir, "no")}`],
      ["file", `${join(dir, "file")} is not a folder`],
    ] as const) {
      await expect(writeFileAtomically(join(dir, folder, "such"), chunks)).rejects.toMatchObject({
        code: "WRITE_FAILED",
        message: `cannot write ${join(dir, folder, "such")}: ${why}`,
      });
    }
    expect(readdirSync(dir)).toEqual(["file"]);
    symlinkSync("round", join(dir, "round"));
    await expect(writeFileAtomically(join(dir, "round/such"), chunks)).rejects.toMatchObject({
      message: expect.stringMatching(/: links lead to each other \(ELOOP\)$/),
    });
  });
});
