import { execFile, fork } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { printingProgram } from "@base-kit/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readSamples, samplesOf } from "../testing/samples.mjs";

const ROOT = join(import.meta.dirname, "../..");
const samples = readSamples(ROOT);
const whole = samples.filter(({ isRun }) => isRun);

let folder: string;
let sources: string;

beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "base-kit-samples-")));
  // Where the workspace's packages are found by their names; nothing there is committed.
  const cache = join(ROOT, "node_modules/.cache");
  mkdirSync(cache, { recursive: true });
  sources = mkdtempSync(join(cache, "samples-"));
  writeFileSync(join(sources, "package.json"), '{"type":"module"}');
  for (const { file, code } of samples) {
    mkdirSync(dirname(join(sources, file)), { recursive: true });
    writeFileSync(join(sources, file), code);
  }
});

afterAll(() => {
  for (const path of [folder, sources]) rmSync(path, { recursive: true, force: true });
});

describe("samples in READMEs and guides", () => {
  it("have names that occur once", () => {
    const files = samples.map(({ file }) => file);
    expect(files).toEqual([...new Set(files)]);
    expect(whole.length).toBeGreaterThan(0);
  });

  it("are there for every package, to be run", () => {
    const pages = readdirSync(join(ROOT, "packages")).map((name) => `packages/${name}/README.md`);
    expect(pages.filter((page) => !whole.some((sample) => sample.page === page))).toEqual([]);
  });

  it("compile", async () => {
    const config = {
      extends: relative(sources, join(ROOT, "tsconfig.base.json")),
      compilerOptions: {
        composite: false,
        noEmit: true,
        declaration: false,
        declarationMap: false,
        isolatedDeclarations: false,
        allowImportingTsExtensions: true,
        rewriteRelativeImportExtensions: false,
        types: ["node"],
        typeRoots: [join(ROOT, "node_modules/@types")],
      },
      files: samples.map(({ file }) => file),
    };
    writeFileSync(join(sources, "tsconfig.json"), JSON.stringify(config));
    const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
    const args = [tsc, "--project", sources, "--pretty", "false"];
    const errors = await promisify(execFile)(process.execPath, args, { cwd: sources }).then(
      () => "",
      (error: { readonly stdout: string }) => error.stdout,
    );
    expect(withPages(errors)).toBe("");
  });

  describe("run offline", () => {
    const results = new Map<string, Result>();

    beforeAll(async () => {
      const fixtures = join(folder, "fixtures");
      writeFixtures(fixtures);
      for (const result of await runSamples(fixtures)) results.set(result.name, result);
    });

    for (const { name, page, line } of whole) {
      it(`${name} (${page}:${line})`, () => {
        expect(results.get(name)).toEqual({ name, output: expect.any(String) });
      });
    }
  });
});

describe("finding them", () => {
  it("takes blocks of TypeScript alone, and runs the named ones", () => {
    const blocks = ["ts\n// sample: one\nlet a;\n", "sh\nls\n", "ts\n// sample: one/two.ts\nlet b;\n", "ts\nlet c;\n"];
    const page = blocks.map((block) => `Text.\n\n\`\`\`${block}\`\`\`\n`).join("");
    expect(samplesOf("packages/demo/README.md", page)).toMatchObject([
      { file: "one/sample.ts", line: 3, code: "// sample: one\nlet a;\n", isRun: true },
      { file: "one/two.ts", line: 14, isRun: false },
      { file: "demo-3/sample.ts", line: 20, isRun: false },
    ]);
  });
});

interface Result {
  readonly name: string;
  readonly output: string;
  readonly error?: string;
}

/** What every sample finds where it runs: a static program and a small root filesystem. */
function writeFixtures(dir: string): void {
  mkdirSync(join(dir, "rootfs/etc"), { recursive: true });
  writeFileSync(join(dir, "rootfs/etc/os-release"), 'ID=demo\nPRETTY_NAME="Demo"\n');
  writeFileSync(join(dir, "hello"), printingProgram("Hello!\n"), { mode: 0o755 });
}

async function runSamples(fixtures: string): Promise<readonly Result[]> {
  const child = fork(join(ROOT, "tools/testing/run-samples.mjs"), {
    cwd: ROOT,
    execArgv: ["--conditions=@base-kit/source", "--import", "tsx"],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    // No engine, no cache of the user, and a proxy that refuses: a sample that needs the network fails.
    env: {
      PATH: process.env["PATH"],
      HOME: folder,
      TMPDIR: folder,
      XDG_CACHE_HOME: join(folder, "cache"),
      ...Object.fromEntries(
        ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"].map((name) => [name, "http://127.0.0.1:9"]),
      ),
      NO_PROXY: "127.0.0.1,localhost",
    },
  });
  const results: Result[] = [];
  let errors = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  child.on("message", (result) => results.push(result as Result));
  const list = whole.map(({ name, file }) => ({ name, file: join(sources, file) }));
  child.send({ samples: list, fixtures, folder });
  const code = await new Promise((done) => child.once("close", done));
  if (code !== 0) throw new Error(`running the samples ended with ${code}: ${errors}`);
  return results;
}

/** The errors in samples, at the lines of their pages; those in the packages themselves are for other checks to find. */
function withPages(errors: string): string {
  return errors
    .split("\n")
    .flatMap((line) => {
      if (line.startsWith("error ")) return [line];
      const [, file, row, rest] = /^(?:\.\/)?([^(]+)\((\d+),(.*)$/.exec(line) ?? [];
      const sample = samples.find((each) => each.file === file);
      return sample === undefined ? [] : [`${sample.page}(${sample.line + Number(row)},${rest}`];
    })
    .join("\n");
}
