import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import type { Context, Exec } from "@base-kit/core";
import { createExec } from "@base-kit/host";
import { createStore } from "@base-kit/store";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { requireGnuTar } from "../src/gnu-tar.ts";

describe("GNU tar", () => {
  let folder: string;
  let bin: string;
  let asked: string[];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "base-kit-test-"));
    bin = join(folder, "bin");
    mkdirSync(bin);
    asked = [];
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function program(name: string, says: string): void {
    rmSync(join(bin, name), { force: true });
    writeFileSync(join(bin, name), `#!/bin/sh\necho "${says}"\n`);
    chmodSync(join(bin, name), 0o755);
  }

  /** As a new process would look for it, with the same cache. */
  function look(path = `relative:${join(folder, "nothing")}:${bin}`): Promise<string> {
    const env = { PATH: path };
    const run = createExec({ env });
    const exec: Exec = (file, args, options) => {
      asked.push(`${file} ${args.join(" ")}`);
      return run(file, args, options);
    };
    return requireGnuTar({ exec, env, store: createStore(join(folder, "cache")) } satisfies Partial<Context>);
  }

  test("that said what it is once is not asked again, until another program is in its place", async () => {
    program("tar", "tar (GNU tar) 1.34");
    expect([await look(), await look()]).toEqual(["tar", "tar"]);
    expect(asked).toEqual(["tar --version"]);
    program("tar", "bsdtar 3.7.2 - libarchive 3.7.2");
    program("gtar", "tar (GNU tar) 1.35");
    expect(await look()).toBe("gtar");
    expect(asked).toEqual(["tar --version", "tar --version", "gtar --version"]);
  });

  test("in a folder that PATH names from here is another program than the one behind it", async () => {
    program("tar", "tar (GNU tar) 1.34");
    const path = `${relative(process.cwd(), join(folder, "near"))}:${bin}`;
    expect(await look(path)).toBe("tar");
    mkdirSync(join(folder, "near"));
    program(join("..", "near", "tar"), "tar (busybox) 1.36.1");
    await expect(look(path)).rejects.toMatchObject({ code: "TAR_PROGRAM_MISSING" });
  });

  test("is the first file that may be run, not one before it that may not", async () => {
    mkdirSync(join(folder, "near"));
    writeFileSync(join(folder, "near", "tar"), "not a program");
    program("tar", "tar (GNU tar) 1.34");
    const path = `${join(folder, "near")}:${bin}`;
    expect(await look(path)).toBe("tar");
    program("tar", "tar (busybox) 1.36.1");
    await expect(look(path)).rejects.toMatchObject({ code: "TAR_PROGRAM_MISSING" });
  });

  test("that is not there is asked for each time: it may be installed meanwhile", async () => {
    program("tar", "tar (busybox) 1.36.1");
    await expect(look(bin)).rejects.toMatchObject({ code: "TAR_PROGRAM_MISSING" });
    program("tar", "tar (GNU tar) 1.34");
    expect(await look(bin)).toBe("tar");
  });
});
