import type { Reporter } from "./events.ts";
import type { Digest } from "./image.ts";

/** Everything outside this process that a producer or sink may use. Tests give their own. */
export interface Context {
  readonly reporter: Reporter;
  readonly store: Store;
  readonly clock: Clock;
  /** Aborted on SIGINT, SIGTERM or by the caller; all work stops and cleans up. */
  readonly signal: AbortSignal;
  readonly fetch: Fetch;
  /** Whether nothing may come over the network: `fetch` refuses then, and no program is run that would use it. @default false */
  readonly offline?: boolean;
  /** Registries, with their port, that may be spoken to without TLS; those on this machine always may. @default none */
  readonly insecureRegistries?: readonly string[];
  readonly exec: Exec;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A private directory for spools and working trees; whoever made the context removes it, also after a signal. */
  readonly tempDir: string;
}

export interface Clock {
  /** Seconds since 1970, for comparing with dates in files. */
  now(): number;
  /** For durations and timeouts: never jumps. */
  monotonicMs(): number;
}

/** One HTTP request whose body is given raw: no decoding by Content-Encoding, no silent end of a cut body. */
export type Fetch = (url: string, options?: FetchOptions) => Promise<FetchResponse>;

export interface FetchOptions {
  /** @default GET */
  readonly method?: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: FetchBody;
  /** @default what the machine trusts, and nothing to show */
  readonly tls?: FetchTls;
  readonly signal?: AbortSignal;
}

/** What is sent. Its length is told before, so that a body that broke off is never taken for a whole one. */
export interface FetchBody {
  /** Bytes. */
  readonly size: number;
  /** The bytes from the start; asked for again when the server redirects the request. */
  open(): AsyncIterable<Uint8Array>;
}

/** Certificates and keys in PEM. */
export interface FetchTls {
  /** Authorities that are trusted besides those of the machine. */
  readonly ca?: readonly string[];
  readonly cert?: string;
  readonly key?: string;
}

export interface FetchResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** Where redirects ended. */
  readonly url: string;
  readonly body: AsyncIterable<Uint8Array>;
}

/**
 * What need not be fetched or computed again: files by their digest, results by a key. It may be emptied at any time; that
 * never changes what is made.
 */
export interface Store {
  /** The folder that holds it, where there is one on this machine. */
  readonly dir?: string;
  /** Path of a file whose content was just hashed again and found right; undefined when there is none. */
  get(digest: Digest): Promise<string | undefined>;
  /**
   * Takes the bytes in when they have this digest (and size), and gives the path of the file.
   *
   * @throws BaseKitError `STORE_MISMATCH` (verification) when they do not; nothing is kept then
   */
  put(expected: { readonly digest: Digest; readonly size?: number }, bytes: AsyncIterable<Uint8Array>): Promise<string>;
  /** What was remembered under a key, when it is still there and whole. */
  recall(key: string): Promise<Buffer | undefined>;
  /** Keeps the result of work under a key that says everything the result depends on; a later one takes its place. */
  remember(key: string, result: Uint8Array): Promise<void>;
}

/**
 * Runs a program: an argument array, never a shell; own process group; `LC_ALL=C`, a short list of the caller's environment
 * and `env`; killed as a group (SIGTERM, then SIGKILL) when the signal aborts or the time is over.
 *
 * @throws BaseKitError `EXEC_NOT_FOUND`, `EXEC_FAILED`, `EXEC_TIMEOUT` (environment)
 */
export type Exec = (file: string, args: readonly string[], options?: ExecOptions) => Promise<ExecResult>;

export interface ExecOptions {
  readonly cwd?: string;
  /** Added to the allow-listed environment. */
  readonly env?: Readonly<Record<string, string>>;
  /**
   * Written to the program's standard input; when it throws, the program is killed instead of seeing an early end. A chunk must hold
   * its bytes until the next is asked for.
   *
   * @default closed
   */
  readonly stdin?: AsyncIterable<Uint8Array> | Uint8Array;
  /** Takes standard output as it comes, with back pressure. @default kept and returned */
  readonly stdout?: (chunks: AsyncIterable<Uint8Array>) => Promise<void>;
  /** Sees every complete line of standard error, for progress. */
  readonly onStderrLine?: (line: string) => void;
  /** Sees every complete line of standard output (which is still kept), for progress. */
  readonly onStdoutLine?: (line: string) => void;
  /** Bytes of output kept; beyond it the beginning is dropped. @default 16 MiB */
  readonly maxOutput?: number;
  readonly timeoutMs?: number;
  /** Between SIGTERM and SIGKILL, for programs that have something to clean up. @default 5000 */
  readonly graceMs?: number;
  /** Exit codes that are not an error. @default [0] */
  readonly expectedExitCodes?: readonly number[] | "any";
  readonly signal?: AbortSignal;
}

export interface ExecResult {
  readonly exitCode: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}
