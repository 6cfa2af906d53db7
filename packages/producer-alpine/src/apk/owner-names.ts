const BLOCK = 512;

export interface OwnerNames {
  readonly user: string;
  readonly group: string;
}

/**
 * The names of the owners of each entry of a tar, in its order. The numbers beside them are those of the machine that built the package;
 * apk goes by the names, which its pre-install script may just have made.
 */
export function* ownerNames(tar: Buffer): Generator<OwnerNames, void, void> {
  for (let at = 0; at + BLOCK <= tar.length && tar[at] !== 0; ) {
    const type = String.fromCharCode(tar[at + 156] as number);
    const size = Number.parseInt(text(tar, at + 124, 12), 8) || 0;
    // Headers about the next header have no owner of their own.
    if (!"xgLK".includes(type)) yield { user: text(tar, at + 265, 32), group: text(tar, at + 297, 32) };
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
}

function text(tar: Buffer, at: number, length: number): string {
  const end = tar.indexOf(0, at);
  return tar.toString("latin1", at, end < 0 || end > at + length ? at + length : end).trim();
}
