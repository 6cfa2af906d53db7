import { mkdirSync, readFileSync, renameSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { Script } from "node:vm";
import { crc32 } from "node:zlib";

export interface CodeCacheOptions {
  /** The folder of the modules, which are CommonJS and name each other by `./`. */
  readonly bundle: string;
  /** Where compiled code is kept; it is worth as much trust as the bundle, and belongs beside it. */
  readonly caches: string;
}

/** A module's code as V8 wants it back, and the checksum of the text it was made of. */
interface Compiled {
  readonly text: number;
  readonly code: Buffer;
}

/**
 * Runs a bundle of CommonJS modules out of code that V8 compiled when the same command ran before; compiling is a third of what a
 * short command takes. What is kept is bound to each module's text, to Node and to the command, whose first run, and each that
 * needs another module, writes it at its end if all went well. Whatever is wrong with it, the modules are compiled as if there were
 * none. As for Node's own cache of ES modules (which Node 20 does not have), `NODE_DISABLE_COMPILE_CACHE=1` turns it off.
 */
export function runWithCodeCache(main: string, { bundle, caches }: CodeCacheOptions): void {
  const file = join(caches, nodeName(), commandOf(process.argv));
  const isOff = process.env["NODE_DISABLE_COMPILE_CACHE"] !== undefined;
  const kept = isOff ? new Map<string, Compiled>() : readCompiled(file);
  const scripts = new Map<string, Loaded>();
  let isNew = false;

  const modules = new Map<string, { exports: unknown }>();
  const hostRequire = createRequire(join(bundle, main));
  const load = (name: string): unknown => {
    const known = modules.get(name);
    if (known !== undefined) return known.exports;
    const filename = join(bundle, name);
    const bytes = readFileSync(filename);
    const text = crc32(bytes);
    const before = kept.get(name);
    const cachedData = before?.text === text ? before.code : undefined;
    // Its text names the others, whose names change with theirs: with another one, nothing that is kept will be asked for again.
    if (name === main && cachedData === undefined) kept.clear();
    const source = `${HEAD}${bytes.toString("latin1")}${TAIL}`;
    const script = new Script(source, { filename, ...(cachedData === undefined ? {} : { cachedData }) });
    scripts.set(name, { text, script });
    isNew ||= cachedData === undefined || script.cachedDataRejected === true;
    const module = { exports: {} };
    modules.set(name, module);
    try {
      script.runInThisContext().call(module.exports, module.exports, require, module, filename, bundle);
    } catch (error) {
      // As in Node: nobody gets half of a module.
      modules.delete(name);
      throw error;
    }
    return module.exports;
  };
  const require = Object.assign((id: string) => (id.startsWith("./") ? load(id.slice(2)) : hostRequire(id)), {
    resolve: hostRequire.resolve,
  });

  process.once("exit", (code) => {
    if (isNew && !isOff && code === 0) writeCompiled(file, { bundle, compile: () => compiledOf(scripts, kept) });
  });
  load(main);
}

/** Node's own wrapper, on one line with the first of the module. */
const HEAD = "(function (exports, require, module, __filename, __dirname) { ";
const TAIL = "\n})";

/** Of one version there are several builds, and V8 in Node 20 does not see that code comes from another. */
function nodeName(): string {
  let build = "unknown";
  try {
    const { size, mtimeMs } = statSync(process.execPath);
    build = crc32(`${size} ${mtimeMs}`).toString(16);
  } catch {
    // It has been removed.
  }
  return `${process.version}-${process.arch}-${build}`;
}

/** Each command has its own: it needs other functions of the same modules. */
function commandOf([, , first = ""]: readonly string[]): string {
  return /^[a-z]{1,20}$/.test(first) ? first : "other";
}

interface Loaded {
  readonly text: number;
  readonly script: Script;
}

function compiledOf(scripts: ReadonlyMap<string, Loaded>, kept: ReadonlyMap<string, Compiled>) {
  const compiled = new Map(kept);
  for (const [name, { text, script }] of scripts) compiled.set(name, { text, code: script.createCachedData() });
  return compiled;
}

/** Digits of the checksum at the beginning. V8 has none, and comes down over a byte that is wrong. */
const CHECKSUM = 8;

/** In the order of their code behind it. */
type CacheHead = readonly (readonly [name: string, text: number, size: number])[];

function readCompiled(file: string): Map<string, Compiled> {
  const compiled = new Map<string, Compiled>();
  try {
    const bytes = readFileSync(file);
    if (checksumOf(bytes.subarray(CHECKSUM)) !== bytes.toString("latin1", 0, CHECKSUM)) return compiled;
    const end = bytes.indexOf("\n");
    const head = JSON.parse(bytes.toString("latin1", CHECKSUM, end)) as CacheHead;
    let at = end + 1;
    for (const [name, text, size] of head) {
      compiled.set(name, { text, code: bytes.subarray(at, at + size) });
      at += size;
    }
  } catch {
    // There is none, or one of another kind.
  }
  return compiled;
}

interface Writing {
  readonly bundle: string;
  readonly compile: () => ReadonlyMap<string, Compiled>;
}

/**
 * Where nothing can be written, or there is no room for it, nothing is kept. Whoever is killed leaves a file that the next one writes
 * over; two at once may spoil each other's, which its checksum tells.
 */
function writeCompiled(file: string, { bundle, compile }: Writing): void {
  const incoming = `${file}.new`;
  try {
    // Of what root leaves in somebody's folder, they could not get rid.
    if (statSync(bundle).uid !== process.geteuid?.()) return;
    // Nobody but whose the program is may write here, whatever the umask says.
    mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
    // What is to be written takes longer to make than to see that it cannot be.
    writeFileSync(incoming, "", { mode: 0o644 });
    const compiled = compile();
    const modules: CacheHead = [...compiled].map(([name, { text, code }]) => [name, text, code.length]);
    const head = Buffer.from(`${JSON.stringify(modules)}\n`, "latin1");
    const bytes = Buffer.concat([head, ...[...compiled.values()].map(({ code }) => code)]);
    writeFileSync(incoming, Buffer.concat([Buffer.from(checksumOf(bytes), "latin1"), bytes]));
    renameSync(incoming, file);
  } catch {
    removeIfThere(incoming);
  }
}

function removeIfThere(file: string): void {
  try {
    unlinkSync(file);
  } catch {
    // As good as removed.
  }
}

function checksumOf(bytes: Buffer): string {
  return crc32(bytes).toString(16).padStart(CHECKSUM, "0");
}
