import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Throw-away OpenPGP keys, made and used by the real gpg, in a home directory of their own. */
export interface GpgHome extends Disposable {
  readonly dir: string;
  /** A new key that can sign, without a passphrase. */
  generate(options?: GenerateOptions): SigningKey;
  /** Publishes the revocation that gpg made with the key. */
  revoke(key: SigningKey): void;
  /** The public keys as a keyring file; all keys when none is named. */
  exportKeys(keys?: readonly SigningKey[], options?: { readonly armor?: boolean }): Buffer;
  clearsign(text: string, options: SignOptions): string;
  /** A detached signature, armoured. */
  sign(data: string, options: SignOptions): string;
}

export interface SigningKey {
  /** Of the primary key. */
  readonly fingerprint: string;
  /** Of the key that signs. */
  readonly signingFingerprint: string;
}

export interface GenerateOptions {
  /** As gpg names them: `rsa2048`, `ed25519`, `dsa2048`, `nistp256`. @default ed25519 */
  readonly algorithm?: string;
  /** Lets a subkey of this algorithm sign instead of the primary key. */
  readonly subkey?: string;
  /** `20200101T000000`: what gpg takes for the current time. */
  readonly at?: string;
  /** `2021-01-01`. @default never */
  readonly expires?: string;
}

export interface SignOptions {
  readonly by: readonly SigningKey[];
  /** @default SHA256 */
  readonly hash?: string;
  readonly at?: string;
  /** When the signature ends: `1d`. */
  readonly expires?: string;
}

export function createGpgHome(): GpgHome {
  // Not below a long folder: the agent's socket is in it, and its path may have 107 bytes.
  const dir = mkdtempSync(join(tmpdir(), "gpg-"));
  const gpg = (args: readonly string[], { input = "", at = "" } = {}): Buffer =>
    execFileSync(
      "gpg",
      [
        ...["--homedir", dir, "--batch", "--yes", "--quiet", "--no-tty", "--trust-model", "always"],
        ...["--pinentry-mode", "loopback", "--passphrase", ""],
        ...(at === "" ? [] : ["--faked-system-time", at]),
        ...args,
      ],
      { input, stdio: ["pipe", "pipe", "ignore"], env: { ...process.env, LC_ALL: "C" } },
    );
  const signArguments = ({ by, hash = "SHA256", expires }: SignOptions) => [
    ...by.flatMap((key) => ["--local-user", `${key.signingFingerprint}!`]),
    ...["--digest-algo", hash],
    ...(expires === undefined ? [] : ["--default-sig-expire", expires]),
  ];
  const at = (options: { readonly at?: string }) => (options.at === undefined ? {} : { at: options.at });
  const fingerprints = (user: string): readonly string[] =>
    [
      ...gpg(["--list-keys", "--with-colons", user])
        .toString()
        .matchAll(/^fpr:+([0-9A-F]+):/gm),
    ].map(([, it]) => it ?? "");
  let made = 0;

  return {
    dir,
    generate: ({ algorithm = "ed25519", subkey, expires = "never", ...options } = {}) => {
      const user = `Throw-away ${++made} <key${made}@example.org>`;
      const usage = subkey === undefined ? "sign" : "cert";
      gpg(["--quick-gen-key", user, algorithm, usage, expires], at(options));
      const [fingerprint = ""] = fingerprints(`=${user}`);
      if (subkey === undefined) return { fingerprint, signingFingerprint: fingerprint };
      gpg(["--quick-add-key", fingerprint, subkey, "sign", expires], at(options));
      return { fingerprint, signingFingerprint: fingerprints(`=${user}`).at(-1) ?? "" };
    },
    revoke: ({ fingerprint }) => {
      // gpg puts a colon before the armour, so that nobody imports it by accident.
      const file = join(dir, "openpgp-revocs.d", `${fingerprint}.rev`);
      const revocation = readFileSync(file, "utf8").replace(/^:(?=-----BEGIN)/m, "");
      writeFileSync(file, revocation);
      gpg(["--import", file]);
    },
    exportKeys: (keys = [], { armor = false } = {}) =>
      gpg([...(armor ? ["--armor"] : []), "--export", ...keys.map(({ fingerprint }) => fingerprint)]),
    clearsign: (text, options) =>
      gpg([...signArguments(options), "--clearsign"], { input: text, ...at(options) }).toString(),
    sign: (data, options) =>
      gpg([...signArguments(options), "--armor", "--detach-sign"], { input: data, ...at(options) }).toString(),
    [Symbol.dispose]: () => {
      execFileSync("gpgconf", ["--homedir", dir, "--kill", "all"], { stdio: "ignore" });
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
