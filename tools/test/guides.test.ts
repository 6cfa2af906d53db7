import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { createProgram } from "../../packages/cli/src/program.ts";

const ROOT = join(import.meta.dirname, "../..");
const GUIDES = ["README.md", "CONTRIBUTING.md", ...readdirSync(join(ROOT, "docs")).map((name) => `docs/${name}`)];
const READMES = readdirSync(join(ROOT, "packages")).map((name) => `packages/${name}/README.md`);
const PAGES = [...GUIDES, ...READMES].filter((page) => existsSync(join(ROOT, page)));

/** `base-kit …` as it stands in a guide: after a prompt, perhaps with sudo, up to a pipe, comment or `&&`. */
function commandsOf(page: string): readonly (readonly string[])[] {
  const text = readFileSync(join(ROOT, page), "utf8").replaceAll("\\\n", " ");
  const blocks = [...text.matchAll(/^```(?:console|sh)\n(.*?)^```$/gms)].map(([, block = ""]) => block);
  return blocks
    .flatMap((block) => block.split("\n"))
    .flatMap((line) => [...line.matchAll(/\bbase-kit ([^|&#>]+)/g)])
    .map(([, args = ""]) => [...args.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map((word) => word.slice(1).join("")));
}

const commands = PAGES.flatMap((page) => commandsOf(page).map((args) => [args.join(" "), page, args] as const));

describe("commands in the guides", () => {
  it("are found", () => {
    expect(commands.length).toBeGreaterThan(10);
  });

  it.each(commands)("%s (%s) is one that base-kit takes", async (_, _page, args) => {
    let ran = false;
    const program = createProgram(async () => {
      ran = true;
    });
    for (const each of [program, ...program.commands]) {
      each.exitOverride().configureOutput({ writeErr: () => {}, writeOut: () => {} });
    }
    await program.parseAsync(args, { from: "user" });
    expect(ran).toBe(true);
  });
});

describe("links between pages", () => {
  it.each(PAGES)("of %s lead to something", (page) => {
    const text = readFileSync(join(ROOT, page), "utf8").replace(/^```.*?^```$/gms, "");
    const targets = [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, target = ""]) => target);
    const local = targets.filter((target) => !/^[a-z]+:/.test(target));
    expect(local.filter((target) => !existsSync(join(ROOT, dirname(page), target)))).toEqual([]);
  });
});

describe("error codes", () => {
  // The command line has those of all packages; the test kit has none.
  const libraries = readdirSync(join(ROOT, "packages")).filter((name) => !["cli", "testing"].includes(name));

  it.each(libraries)("of %s are in its README, alone or as `PREFIX_…`", (name) => {
    const folder = join(ROOT, "packages", name);
    const files = readdirSync(join(folder, "src"), { recursive: true, encoding: "utf8" });
    const source = files
      .filter((file) => file.endsWith(".ts"))
      .map((file) => readFileSync(join(folder, "src", file), "utf8"));
    const thrown = source.flatMap((text) =>
      [...text.matchAll(/new BaseKitError\(\s*"(\w+)"/g)].map(([, code = ""]) => code),
    );
    const named = [...readFileSync(join(folder, "README.md"), "utf8").matchAll(/`([A-Z0-9_]+)(…?)`/g)];
    const isNamed = (code: string) =>
      named.some(([, word = "", more]) =>
        word.startsWith("_") ? code.endsWith(word) : more ? code.startsWith(word) : code === word,
      );
    expect([...new Set(thrown)].filter((code) => !isNamed(code))).toEqual([]);
  });
});
