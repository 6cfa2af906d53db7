import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { directoryRoot } from "@base-kit/elf";
import { elfBytes } from "@base-kit/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { scratchRootfs } from "../src/index.ts";
import { type TestContext, testContext } from "./context.ts";

let context: TestContext;
beforeEach(() => {
  context = testContext();
});
afterEach(() => context.dispose());

function addFile(path: string, content: string | Uint8Array): void {
  const file = join(context.dir, "root", path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content, { mode: 0o755 });
}

/** What comes along with a script that begins with this line, in a system of static programs. */
async function broughtBy(line: string): Promise<readonly string[]> {
  const root = join(context.dir, "root");
  for (const path of ["usr/bin/env", "bin/sh", "usr/bin/tool", "opt/it's here", "usr/bin/a=b"])
    addFile(path, elfBytes());
  addFile("script", `${line}\n`);
  const { segments } = await scratchRootfs(["/script"], { root: directoryRoot(root) }, context);
  return [...(segments[0]?.entries() ?? [])]
    .filter(({ type, path }) => type === "file" && path !== "script")
    .map(({ path }) => path);
}

describe("the first line of a script", () => {
  test.each([
    ["#!/bin/sh", ["bin/sh"]],
    ["#! \t /bin/sh  -e -u ", ["bin/sh"]],
    ["#!/usr/bin/env tool", ["usr/bin/env", "usr/bin/tool"]],
    ["#!/usr/bin/env /bin/sh", ["bin/sh", "usr/bin/env"]],
    ["#!/usr/bin/env -S tool -u -X", ["usr/bin/env", "usr/bin/tool"]],
    ["#!/usr/bin/env -Stool -u", ["usr/bin/env", "usr/bin/tool"]],
    ["#!/usr/bin/env -vS tool", ["usr/bin/env", "usr/bin/tool"]],
    ["#!/usr/bin/env --split-string=tool -u", ["usr/bin/env", "usr/bin/tool"]],
    ["#!/usr/bin/env -S -i -u HOME --unset X -C /tmp --chdir=/ A=b C= tool", ["usr/bin/env", "usr/bin/tool"]],
    ["#!/usr/bin/env -S -- A=b tool", ["usr/bin/env", "usr/bin/tool"]],
    ["#!/usr/bin/env -S -- tool", ["usr/bin/env", "usr/bin/tool"]],
    ["#!/usr/bin/env -S \"tool\" 'a b'", ["usr/bin/env", "usr/bin/tool"]],
    ["#!/usr/bin/env -S '/opt/it'\"'\"'s here' x", ["opt/it's here", "usr/bin/env"]],
    ['#!/usr/bin/env -S "/opt/it\\\'s\\_here"', ["opt/it's here", "usr/bin/env"]],
    ["#!/usr/bin/env -S tool\\_-u \\c'", ["usr/bin/env", "usr/bin/tool"]],
    ["#!/usr/bin/env -S -S 'tool -u'", ["usr/bin/env", "usr/bin/tool"]],
  ])("%s", async (line, expected) => {
    expect(await broughtBy(line)).toEqual(expected);
  });

  test("may lead through scripts, but not through more than Linux follows, nor in a circle", async () => {
    for (let at = 1; at < 6; at++) addFile(`i${at}`, `#!/i${at + 1}\n`);
    addFile("i6", `#!/bin/sh\n`);
    addFile("a", "#!/b\n");
    addFile("b", "#!/a\n");
    expect(await broughtBy("#!/i3")).toEqual(["bin/sh", "i3", "i4", "i5", "i6"]);
    for (const line of ["#!/i2", "#!/a"]) {
      await expect(broughtBy(line)).rejects.toMatchObject({
        code: "SCRATCH_INTERPRETER_MISSING",
        message: expect.stringMatching(/no program begins it$/),
      });
    }
  });

  test.each([
    ["#!/bin/sh\r", /is a script for "\/bin\/sh\\r", which/, /carriage return, as on Windows/],
    ["#!/usr/bin/env tool\r", /is a script for "tool\\r", which/, /carriage return, as on Windows/],
    ["#!/usr/bin/env tool -u", /is a script for "tool -u", which/, /env -S/],
    ["#!/usr/bin/env -S /none", /is a script for \/none, which/, /Install the interpreter/],
    ["#!sh", /is a script for sh, which/, /Install the interpreter/],
    ["#!/usr/bin/env", /^\/script begins with #!\/usr\/bin\/env and names no program/, /like #!\/usr\/bin\/env NAME/],
    ["#!/usr/bin/env -i", /begins with "#!\/usr\/bin\/env -i" and names no program/, /like #!\/usr\/bin\/env NAME/],
    ["#!/usr/bin/env a=b", /env a=b" and names no program/, /like #!\/usr\/bin\/env NAME/],
    ["#!/usr/bin/env a=b tool", /is a script for "a=b tool", which/, /env -S/],
    ["#!/usr/bin/env -S A=b -i tool", /is a script for -i, which/, /Install the interpreter/],
    ["#!/usr/bin/env -S /opt/it\\'s\\ here", /here" and names no program/, /like #!\/usr\/bin\/env NAME/],
    ["#!/usr/bin/env -S A=b # tool", /begins with "#!.* # tool" and names no program/, /like #!\/usr\/bin\/env NAME/],
  ])("%j could not be started", async (line, message, hint) => {
    await expect(broughtBy(line)).rejects.toMatchObject({
      code: "SCRATCH_INTERPRETER_MISSING",
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    });
  });
});
