const BLOCK = 512;

/** What headers of a package's tar say besides what is in every tar. */
export interface HeaderFacts {
  readonly user: string;
  readonly group: string;
  /** SHA-1 of the file's content or of the link's target, in hexadecimal. */
  readonly sha1?: string;
}

/**
 * The names of the owners of each entry of a tar, in its order, and the checksum that `abuild-tar` puts before it. The numbers beside
 * the names are those of the machine that built the package; apk goes by the names, which its pre-install script may just have made.
 */
export function* headerFacts(tar: Buffer): Generator<HeaderFacts, void, void> {
  let sha1: string | undefined;
  for (let at = 0; at + BLOCK <= tar.length && tar[at] !== 0; ) {
    const type = String.fromCharCode(tar[at + 156] as number);
    const size = Number.parseInt(text(tar, at + 124, 12), 8) || 0;
    const content = at + BLOCK;
    // Headers about the next header have no owner of their own.
    if (type === "x") [, sha1] = CHECKSUM.exec(tar.toString("latin1", content, content + size)) ?? [];
    else if (!"gLK".includes(type)) {
      yield { user: text(tar, at + 265, 32), group: text(tar, at + 297, 32), ...(sha1 === undefined ? {} : { sha1 }) };
      sha1 = undefined;
    }
    at = content + Math.ceil(size / BLOCK) * BLOCK;
  }
}

/** A record of pax(1) is `length key=value` and a newline. */
const CHECKSUM = /(?:^|\n)\d+ APK-TOOLS\.checksum\.SHA1=([0-9a-f]{40})\n/;

function text(tar: Buffer, at: number, length: number): string {
  const end = tar.indexOf(0, at);
  return tar.toString("latin1", at, end < 0 || end > at + length ? at + length : end).trim();
}
