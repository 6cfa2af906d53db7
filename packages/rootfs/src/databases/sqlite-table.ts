/** Values of a row; what nobody here asks for (numbers with a point) is undefined. */
export type SqliteValue = number | bigint | Buffer | null | undefined;

const MAGIC = "SQLite format 3\0";
const INTERIOR = 0x05;
const LEAF = 0x0d;
/** A tree of two billion pages has fewer. */
const DEPTH_AT_MOST = 20;
const INTEGER_BYTES = [0, 1, 2, 3, 4, 6, 8];

interface Database {
  readonly bytes: Buffer;
  readonly pageSize: number;
  /** Bytes of a page that hold content. */
  readonly usable: number;
  /** Bytes that rows may still have: where many lead to the same pages, it is no database that anyone wrote. */
  left: number;
}

/**
 * The rows of a table, in the order of their ids: the format of sqlite.org/fileformat2.html as far as reading a table from its
 * beginning to its end needs it. A write-ahead log beside the file is not looked at.
 *
 * @throws RangeError for a file that is damaged; nothing for one that is no database, or lacks the table
 */
export function* sqliteRows(bytes: Buffer, table: string): Generator<readonly SqliteValue[], void, void> {
  if (bytes.length < 512 || bytes.toString("latin1", 0, 16) !== MAGIC) return;
  const said = bytes.readUInt16BE(16);
  const pageSize = said === 1 ? 65_536 : said;
  const database = { bytes, pageSize, usable: pageSize - bytes.readUInt8(20), left: 2 * bytes.length };
  if (pageSize < 512 || database.usable < 480) throw new RangeError("the pages are too small");
  for (const [type, name, , page] of rowsFrom(database, 1)) {
    if (textOf(type) !== "table" || textOf(name) !== table || typeof page !== "number") continue;
    yield* rowsFrom(database, page);
    return;
  }
}

function textOf(value: SqliteValue): string | undefined {
  return Buffer.isBuffer(value) ? value.toString("utf8") : undefined;
}

function* rowsFrom(database: Database, root: number): Generator<readonly SqliteValue[], void, void> {
  const seen = new Set<number>();
  const todo: { readonly page: number; readonly depth: number }[] = [{ page: root, depth: 0 }];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    const { page, depth } = next;
    if (seen.has(page) || depth > DEPTH_AT_MOST) throw new RangeError("the pages go in circles");
    seen.add(page);
    const { bytes } = database;
    const start = pageStart(database, page);
    const header = page === 1 ? start + 100 : start;
    const type = bytes.readUInt8(header);
    if (type !== INTERIOR && type !== LEAF) throw new RangeError("a page of a table is of another kind");
    const count = bytes.readUInt16BE(header + 3);
    const pointers = header + (type === INTERIOR ? 12 : 8);
    const cells = Array.from({ length: count }, (_, index) => start + bytes.readUInt16BE(pointers + index * 2));
    if (type === LEAF) for (const cell of cells) yield recordOf(payloadOf(database, cell));
    else {
      const children = [...cells.map((cell) => bytes.readUInt32BE(cell)), bytes.readUInt32BE(header + 8)];
      todo.push(...children.reverse().map((child) => ({ page: child, depth: depth + 1 })));
    }
  }
}

function pageStart({ bytes, pageSize }: Database, page: number): number {
  const start = (page - 1) * pageSize;
  if (page < 1 || start + pageSize > bytes.length) throw new RangeError("a page is outside of the file");
  return start;
}

/** What does not fit into the page lies in a chain of others. */
function payloadOf(database: Database, cell: number): Buffer {
  const { bytes, usable } = database;
  const [length, afterLength] = varint(bytes, cell);
  const [, start] = varint(bytes, afterLength);
  database.left -= length;
  if (database.left < 0) throw new RangeError("the rows are longer than the file");
  if (length <= usable - 35) return bytes.subarray(start, start + length);
  const least = Math.floor(((usable - 12) * 32) / 255) - 23;
  const fitting = least + ((length - least) % (usable - 4));
  const local = fitting <= usable - 35 ? fitting : least;
  const parts = [bytes.subarray(start, start + local)];
  let have = local;
  for (let page = bytes.readUInt32BE(start + local); have < length; ) {
    const at = pageStart(database, page);
    const part = bytes.subarray(at + 4, at + 4 + Math.min(usable - 4, length - have));
    parts.push(part);
    have += part.length;
    page = bytes.readUInt32BE(at);
  }
  return Buffer.concat(parts);
}

function recordOf(payload: Buffer): readonly SqliteValue[] {
  const [headerEnd, first] = varint(payload, 0);
  const values: SqliteValue[] = [];
  let at = first;
  for (let body = headerEnd; at < headerEnd; ) {
    const [type, next] = varint(payload, at);
    at = next;
    const size = type >= 12 ? Math.floor((type - 12) / 2) : type === 7 ? 8 : (INTEGER_BYTES[type] ?? 0);
    if (body + size > payload.length) throw new RangeError("a value is longer than its row");
    values.push(decoded(type, payload.subarray(body, body + size)));
    body += size;
  }
  return values;
}

function decoded(type: number, bytes: Buffer): SqliteValue {
  if (type >= 12) return bytes;
  if (type === 0) return null;
  if (type === 6) return bytes.readBigInt64BE(0);
  if (type === 8 || type === 9) return type - 8;
  return type < 6 ? bytes.readIntBE(0, bytes.length) : undefined;
}

/** Seven bits a byte, the most significant first; the ninth byte has eight. Beyond 2^53 nothing here is a length. */
function varint(bytes: Buffer, start: number): readonly [value: number, end: number] {
  let value = 0;
  for (let at = start; at < start + 8; at++) {
    const byte = bytes.readUInt8(at);
    value = value * 128 + (byte & 0x7f);
    if (byte < 0x80) return [value, at + 1];
  }
  return [value * 256 + bytes.readUInt8(start + 8), start + 9];
}
