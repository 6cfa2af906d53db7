import { CommanderError } from "commander";
import { describe, expect, test } from "vitest";
import { createProgram } from "../src/program.ts";

async function parse(...argv: readonly string[]) {
  let [out, err] = ["", ""];
  let ran = 0;
  let options: unknown;
  const program = createProgram(async (_work, given) => {
    ran += 1;
    options = given;
  });
  for (const command of [program, ...program.commands, ...program.commands.flatMap(({ commands }) => commands)]) {
    command.exitOverride().configureOutput({
      writeOut: (text) => {
        out += text;
      },
      writeErr: (text) => {
        err += text;
      },
    });
  }
  const exitCode = await program.parseAsync([...argv], { from: "user" }).then(
    () => 0,
    (error) => (error instanceof CommanderError ? error.exitCode : 99),
  );
  return { out, err, ran, options, exitCode };
}

describe("the command line", () => {
  test("is the same for a command whether the others are there or not", () => {
    const run = async () => {};
    const all = createProgram(run);
    for (const name of all.commands.map((command) => command.name()).filter((each) => each !== "help")) {
      const alone = createProgram(run, name);
      expect(alone.commands.map((command) => command.name())).toEqual([name, "help"]);
      const [one, other] = [alone, all].map(({ commands }) => commands.find((command) => command.name() === name));
      expect(one?.helpInformation()).toBe(other?.helpInformation());
    }
    for (const first of ["imp", "--help", "help", "toString", ""]) {
      expect(createProgram(run, first).commands).toHaveLength(all.commands.length);
    }
  });

  test.each(["build", "import", "pack", "scratch", "producers", "doctor"])(
    "helps with %s, and builds nothing for it",
    async (command) => {
      const { out, ran, exitCode } = await parse(command, "--help");
      expect(out).toContain(`Usage: base-kit ${command}`);
      expect({ ran, exitCode }).toEqual({ ran: 0, exitCode: 0 });
    },
  );

  test.each([
    [["help"], "base-kit [options] [command]"],
    [["help", "build"], "base-kit build [options] <producer>"],
    [["help", "cache"], "base-kit cache [options] [command]"],
    [["help", "cache", "prune"], "base-kit cache prune [options]"],
    [["help", "help"], "base-kit help [options] [command...]"],
    [["cache", "help", "prune"], "base-kit cache prune [options]"],
  ])("%j shows the help of that command", async (argv, usage) => {
    const { out, err, ran, exitCode } = await parse(...argv);
    expect(out).toMatch(`Usage: ${usage}\n`);
    expect({ err, ran, exitCode }).toEqual({ err: "", ran: 0, exitCode: 0 });
  });

  test.each([
    [["help", "buil"], "error: unknown command 'buil' [USAGE]\n(Did you mean build?)\n"],
    [["help", "zzzzzz"], "error: unknown command 'zzzzzz' [USAGE]\n"],
    [["help", "cache", "prun"], "error: unknown command 'prun' [USAGE]\n(Did you mean prune?)\n"],
    [["cache", "help", "prun"], "error: unknown command 'prun' [USAGE]\n(Did you mean prune?)\n"],
    [["help", "build", "alpine"], "error: 'build' has no command 'alpine' [USAGE]\n"],
    [["help", "--nope"], "error: unknown option '--nope' [USAGE]\n"],
    [["buil", "--help"], "error: unknown command 'buil' [USAGE]\n(Did you mean build?)\n"],
    [["cache", "prun", "-h"], "error: unknown command 'prun' [USAGE]\n(Did you mean prune?)\n"],
  ])("%j says what it does not know", async (argv, message) => {
    const { out, err, ran, exitCode } = await parse(...argv);
    expect(err.startsWith(message)).toBe(true);
    expect({ out, ran, exitCode }).toEqual({ out: "", ran: 0, exitCode: 1 });
  });

  test.each(["build", "import", "pack", "scratch"])("shows real examples of %s", async (command) => {
    expect((await parse(command, "--help")).out).toMatch(new RegExp(`Examples:\\n(  .*base-kit ${command} .*\\n?)+`));
  });

  test.each([
    [["buil", "alpine"], "Did you mean build?"],
    [["build", "alpine", "--tga", "x"], "Did you mean --tag?"],
    [["build", "alpine", "--platform", "linux/arm64"], "Did you mean --arch?"],
    [["build"], "missing required argument"],
    [["build", "a", "b"], "too many arguments"],
    [["build", "alpine", "--compression", "lzma"], "Allowed choices are none, gzip"],
    [["build", "alpine", "--include", "a,,b"], "separated by single commas"],
    [["scratch"], "missing required argument"],
  ])("refuses %j with a suggestion", async (argv, message) => {
    const { err, ran, exitCode } = await parse(...argv);
    expect(err).toContain(message);
    expect(err).toMatch(/^error: .* \[USAGE\]\n/);
    expect(ran).toBe(0);
    expect(exitCode).not.toBe(0);
  });

  test.each([
    ["-o", "oci:layout"],
    ["--sbom", "curl.spdx.json"],
    ["--lockfile"],
    ["--frozen-lockfile"],
    ["--path-exclude", "/usr/share/*"],
  ])("scratch --explain refuses %s, which it would not do", async (...asked) => {
    const { err, ran } = await parse("scratch", "/usr/bin/curl", "--explain", ...asked);
    expect(err).toMatch(/^error: option '--explain' cannot be used with option '.*' \[USAGE\]\n/);
    expect(err).toContain(asked[0]);
    expect(ran).toBe(0);
  });

  test.each(["build", "scratch", "import"])("groups the options of %s, general ones last", async (command) => {
    const { out } = await parse(command, "--help");
    const headings = [...out.matchAll(/^(\S.*):$/gm)].map(([, heading]) => heading);
    expect(headings).toEqual(expect.arrayContaining(["Where the image goes", "How its containers start"]));
    expect(headings.slice(-2)).toEqual(["General options", "Examples"]);
    expect(out).toMatch(/\nGeneral options:\n(?: .*\n)* {2}-h, --help/);
  });

  test("what comes along with a program: names with commas, and a path as it is", async () => {
    const { options } = await parse("scratch", "a", "--with", "nss,tmp", "--with", "/data,1", "--with", "/srv");
    expect(options).toMatchObject({ with: ["nss", "tmp", "/data,1", "/srv"] });
  });

  test("collects options that repeat and lists with commas", async () => {
    const { options } = await parse(
      "build",
      "alpine",
      "-t",
      "a",
      "-t",
      "b",
      "--include",
      "x,y",
      "--include",
      "z",
      "--tweaks",
      "none",
    );
    expect(options).toMatchObject({ tag: ["a", "b"], include: ["x", "y", "z"], tweaks: ["none"] });
  });
});
