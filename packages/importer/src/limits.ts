/** How long an engine may take, in milliseconds. Generous: they end a wait that would never end, nothing else. */
export interface Limits {
  /** From the first byte sent to the answer of `GET /_ping`. */
  readonly ping: number;
  /** The same question asked through ssh by the docker program, which may have to ask for a key or wake a machine. */
  readonly sshPing: number;
  /** A question such as inspect. */
  readonly question: number;
  /** Without the engine taking a byte of the upload. */
  readonly upload: number;
  /** Without a byte of answer while the engine unpacks; podman says nothing until it is done. */
  readonly unpacking: number;
}

export const DEFAULT_LIMITS: Limits = {
  ping: 5_000,
  sshPing: 30_000,
  question: 60_000,
  upload: 120_000,
  unpacking: 900_000,
};

/** What an engine says beyond this is not an answer any more. Bytes. */
export const ANSWER_AT_MOST: number = 4 * 1024 ** 2;
export const LINE_AT_MOST: number = 1024 ** 2;
