// Writes packages/cli/bundle: the command line and all that it loads in few files, because Node takes longer to find and
// read some 900 modules than most commands take to work. Whoever imports a package gets what the compiler wrote.
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { thirdPartyLicences } from "./licences.mjs";

const TOOLS = dirname(fileURLToPath(import.meta.url));
const CLI = join(TOOLS, "../../packages/cli");
/** Beside `dist`, so that a path that starts at a module means the same in both. */
const BUNDLE = join(CLI, "bundle");
const ENTRIES = ["main.js", "start.js"];
const LICENCES = "THIRD-PARTY-LICENSES.txt";

/** What dockerode loads for ssh and for builds. Both are left to Docker's own command line. */
const NEVER_CALLED = ["ssh2", "@grpc/grpc-js", "@grpc/proto-loader", "protobufjs"];

const leftOut = {
  name: "left-out",
  resolveId: (id) => {
    if (id === "undici") return join(TOOLS, "undici.mjs");
    return NEVER_CALLED.includes(id) ? `\0${id}` : undefined;
  },
  load: (id) => (id.startsWith("\0") && NEVER_CALLED.includes(id.slice(1)) ? "module.exports = {};" : undefined),
};

/** A worker is a program of its own, found by its name beside the module that starts it. */
const workers = {
  name: "workers",
  transform(code, id) {
    for (const [, name] of code.matchAll(/new Worker\(new URL\("\.\/([\w.-]+)", import\.meta\.url\)/g)) {
      this.emitFile({ type: "chunk", id: join(dirname(id), name), fileName: name });
    }
  },
};

const reading = {
  platform: "node",
  plugins: [leftOut, workers],
  // A module that is not found is a warning for it. That what is loaded late lies in one file with other things is meant.
  onLog: (level, { code, message }) => {
    if (level === "warn" && code !== "INEFFECTIVE_DYNAMIC_IMPORT") throw new Error(message);
  },
};
// CommonJS: Node loads it sooner, and only of it can Node 20 be given code that V8 compiled before, which cannot import anything.
const writing = { format: "cjs", dynamicImportInCjs: false, chunkFileNames: "[name]-[hash].js" };
const commandLine = await rolldown({ ...reading, input: { main: join(CLI, "dist/main.js") } });
const modules = await commandLine.generate({
  ...writing,
  // What several commands use, in two files: a module costs a millisecond, however small, and a megabyte twenty. The help needs none of it.
  codeSplitting: {
    groups: [
      {
        name: "images",
        test: /packages\/(?:core|elf|host|importer|oci|rootfs|store|tar)\/dist\//,
        minShareCount: 2,
        priority: 2,
      },
      { name: "producers", test: /packages\/(?!cli\/)[^/]+\/dist\//, minShareCount: 2, priority: 1 },
    ],
  },
});
const start = await rolldown({ ...reading, input: { start: join(CLI, "dist/start.js") } });
const output = [...modules.output, ...(await start.generate(writing)).output];
// A text with one character beyond Latin-1 takes V8 twice the memory, and new memory is much of what starting costs.
// All of it was written as, or has been bundled into, ES modules, which are strict.
const files = new Map(output.map(({ fileName, code }) => [fileName, `"use strict";\n${inAscii(code)}`]));
files.set("package.json", '{ "type": "commonjs" }\n');
files.set(LICENCES, thirdPartyLicences(output.flatMap(({ moduleIds = [] }) => moduleIds)));
mkdirSync(BUNDLE, { recursive: true });
// Who starts it meanwhile gets whole files, and first of all the old ones: those that name others come last.
const inOrder = [...files].sort(([a], [b]) => ENTRIES.indexOf(a) - ENTRIES.indexOf(b));
for (const [name, text] of inOrder) {
  const incoming = join(BUNDLE, `${name}.new`);
  writeFileSync(incoming, text);
  renameSync(incoming, join(BUNDLE, name));
}
for (const name of readdirSync(BUNDLE)) {
  if (!files.has(name)) rmSync(join(BUNDLE, name), { recursive: true });
}

/** Comments, texts and patterns mean the same with escapes, and names would too. */
function inAscii(code) {
  return code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
