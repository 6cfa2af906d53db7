import { mkdirSync, readFileSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { Script } from "node:vm";
import { crc32 } from "node:zlib";

export interface CodeCacheOptions {
  /** The folder of the modules, which are CommonJS and name each other by `./`. */
  readonly bundle: string;
  /** Where compiled code is kept; it is worth as much trust as the bundle, and belongs beside it. */
  readonly caches: string;
}

/** A module's code as V8 wants it back. */
type Compiled = ReadonlyMap<string, Buffer>;

/**
 * Runs a bundle of CommonJS modules out of code that V8 compiled when the same command ran before; compiling is a third of what a
 * short command takes. What is kept is bound to the bundle, to Node's version and to the command, whose first run, and each that
 * needs another module, writes it at its end if all went well. Whatever is wrong with it, the modules are compiled as if there were
 * none. As for Node's own cache of ES modules (which Node 20 does not have), `NODE_DISABLE_COMPILE_CACHE=1` turns it off.
 */
export function runWithCodeCache(main: string, { bundle, caches }: CodeCacheOptions): void {
  const folder = join(caches, `${process.version}-${process.arch}`);
  const file = join(folder, commandOf(process.argv));
  const isOff = process.env["NODE_DISABLE_COMPILE_CACHE"] !== undefined;
  const build = readFileSync(join(bundle, BUILD), "latin1");
  const kept: Compiled = isOff ? new Map() : readCompiled(file, build);
  const scripts = new Map<string, Script>();
  let isNew = false;

  const modules = new Map<string, { exports: unknown }>();
  const hostRequire = createRequire(join(bundle, main));
  const load = (name: string): unknown => {
    const known = modules.get(name);
    if (known !== undefined) return known.exports;
    const filename = join(bundle, name);
    const cachedData = kept.get(name);
    const source = `${HEAD}${readFileSync(filename, "latin1")}${TAIL}`;
    const script = new Script(source, { filename, ...(cachedData === undefined ? {} : { cachedData }) });
    scripts.set(name, script);
    isNew ||= cachedData === undefined || script.cachedDataRejected === true;
    const module = { exports: {} };
    modules.set(name, module);
    script.runInThisContext().call(module.exports, module.exports, require, module, filename, bundle);
    return module.exports;
  };
  const require = Object.assign((id: string) => (id.startsWith("./") ? load(id.slice(2)) : hostRequire(id)), {
    resolve: hostRequire.resolve,
  });

  process.once("exit", (code) => {
    if (isNew && !isOff && code === 0) writeCompiled(file, { folder, build, compiled: compiledOf(scripts, kept) });
  });
  load(main);
}

/** What the bundle is, in one line; another one has other code. */
export const BUILD = "build-id";

/** Node's own wrapper, on one line with the first of the module. */
const HEAD = "(function (exports, require, module, __filename, __dirname) { ";
const TAIL = "\n})";

/** Each command has its own: it needs other functions of the same modules. */
function commandOf([, , first = ""]: readonly string[]): string {
  return /^[a-z]{1,20}$/.test(first) ? first : "other";
}

function compiledOf(scripts: ReadonlyMap<string, Script>, kept: Compiled): Compiled {
  return new Map([...kept, ...[...scripts].map(([name, script]) => [name, script.createCachedData()] as const)]);
}

/** Digits of the checksum at the beginning. V8 has none, and comes down over a byte that is wrong. */
const CHECKSUM = 8;

function readCompiled(file: string, build: string): Compiled {
  const none = new Map<string, Buffer>();
  const bytes = readIfThere(file);
  if (bytes === undefined || checksumOf(bytes.subarray(CHECKSUM)) !== bytes.toString("latin1", 0, CHECKSUM))
    return none;
  const end = bytes.indexOf("\n");
  const head = JSON.parse(bytes.toString("latin1", CHECKSUM, end)) as CacheHead;
  if (head.build !== build) return none;
  let at = end + 1;
  return new Map(
    head.modules.map(([name, size]) => {
      const code = bytes.subarray(at, at + size);
      at += size;
      return [name, code];
    }),
  );
}

interface CacheHead {
  readonly build: string;
  readonly modules: readonly (readonly [name: string, size: number])[];
}

function readIfThere(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

interface Written {
  readonly folder: string;
  readonly build: string;
  readonly compiled: Compiled;
}

/**
 * Where nothing can be written, or there is no room for it, nothing is kept. Whoever is killed leaves a file that the next one writes
 * over; two at once may spoil each other's, which its checksum tells.
 */
function writeCompiled(file: string, { folder, build, compiled }: Written): void {
  const modules = [...compiled].map(([name, { length }]) => [name, length] as const);
  const head = Buffer.from(`${JSON.stringify({ build, modules } satisfies CacheHead)}\n`, "latin1");
  const bytes = Buffer.concat([head, ...compiled.values()]);
  const incoming = `${file}.new`;
  try {
    // Nobody but whose the program is may write here, whatever the umask says.
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    writeFileSync(incoming, Buffer.concat([Buffer.from(checksumOf(bytes), "latin1"), bytes]), { mode: 0o644 });
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
