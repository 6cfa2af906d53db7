/** What gpgv says about one signature. */
export interface SignatureStatus {
  readonly verdict: Verdict;
  /** 16 hexadecimal digits; the only name there is when the key is unknown. */
  readonly keyId: string;
  /** User id of the key, as it stands in the keyring. */
  readonly signer?: string;
  /** Of the key or subkey that signed; there only when the signature was computed right. */
  readonly fingerprint?: string;
  readonly primaryFingerprint?: string;
  /** Seconds since 1970. */
  readonly created?: number;
  /** Seconds since 1970; absent when the signature does not expire. */
  readonly expires?: number;
  /** When the key expired, in seconds since 1970. */
  readonly keyExpired?: number;
  /** OpenPGP numbers. */
  readonly hashAlgorithm?: number;
  readonly publicKeyAlgorithm?: number;
}

export type Verdict = "good" | "bad" | "expired" | "key-expired" | "key-revoked" | "unknown-key" | "unchecked";

/** Keywords of GnuPG's doc/DETAILS that end in a verdict. */
const VERDICTS: Readonly<Record<string, Verdict>> = {
  GOODSIG: "good",
  BADSIG: "bad",
  EXPSIG: "expired",
  EXPKEYSIG: "key-expired",
  REVKEYSIG: "key-revoked",
  NO_PUBKEY: "unknown-key",
  ERRSIG: "unchecked",
};

const PREFIX = "[GNUPG:] ";

/**
 * The signatures in the status lines of one gpgv run. The exit code is no verdict: it is 0 for an expired and for a revoked
 * key, and 2 for a good signature beside one of an unknown key.
 */
export function parseGpgvStatus(output: string): readonly SignatureStatus[] {
  const lines = output.split("\n").filter((line) => line.startsWith(PREFIX));
  const signatures: string[][][] = [];
  for (const line of lines) {
    const words = line.slice(PREFIX.length).trimEnd().split(" ");
    if (words[0] === "NEWSIG") signatures.push([]);
    else signatures.at(-1)?.push(words);
  }
  return signatures.map(readSignature).filter((signature) => signature !== undefined);
}

function readSignature(lines: readonly string[][]): SignatureStatus | undefined {
  // NO_PUBKEY follows the ERRSIG that it explains. Two different verdicts in one group fit no signature: the worse counts.
  const verdicts = lines.filter(([keyword = ""]) => keyword in VERDICTS);
  const [keyword = "", keyId = "", ...userId] = verdicts.find(([word]) => word !== "GOODSIG") ?? verdicts[0] ?? [];
  const unknown = verdicts.some(([word]) => word === "NO_PUBKEY");
  const verdict = unknown ? "unknown-key" : VERDICTS[keyword];
  if (verdict === undefined) return undefined;
  const hasUser = keyword !== "ERRSIG" && keyword !== "NO_PUBKEY" && userId.length > 0;
  return {
    verdict,
    keyId,
    ...(hasUser ? { signer: userId.join(" ") } : {}),
    ...readValid(lines.find(([word]) => word === "VALIDSIG")),
    ...readKeyExpiry(lines.find(([word]) => word === "KEYEXPIRED")),
  };
}

/** `VALIDSIG fingerprint date created expires version reserved pubkey-algorithm hash-algorithm class primary-fingerprint`. */
function readValid(words: readonly string[] | undefined): Partial<SignatureStatus> {
  if (!words) return {};
  const [, fingerprint = "", , created, expires, , , publicKeyAlgorithm, hashAlgorithm, , primary] = words;
  return {
    fingerprint,
    primaryFingerprint: primary ?? fingerprint,
    created: Number(created),
    ...(expires === "0" ? {} : { expires: Number(expires) }),
    publicKeyAlgorithm: Number(publicKeyAlgorithm),
    hashAlgorithm: Number(hashAlgorithm),
  };
}

function readKeyExpiry(words: readonly string[] | undefined): Partial<SignatureStatus> {
  return words ? { keyExpired: Number(words[1]) } : {};
}
