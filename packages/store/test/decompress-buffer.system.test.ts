import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { requires } from "@base-kit/testing";
import { describe, expect, test } from "vitest";
import { decompress, decompressBuffer } from "../src/index.ts";

const { skip } = requires("xz", "zstd");
const MiB = 1024 * 1024;

function xz(content: Uint8Array): Buffer {
  return execFileSync("xz", ["-c", "-1"], { input: content, maxBuffer: 2 ** 30 });
}

async function* once(bytes: Uint8Array) {
  yield bytes;
}

describe.skipIf(skip)("data in memory", () => {
  test("is decoded whatever its compression, many at once, each with its own result", async () => {
    const contents = [...Array(40).keys()].map((i) =>
      Buffer.concat([randomBytes(i * 5000), Buffer.alloc(i * 50_000, i)]),
    );
    // Views of one large buffer, as the members of a package are.
    const packed = contents.map((content, i) => (i % 2 === 0 ? xz(content) : gzipSync(content)));
    const whole = Buffer.concat(packed);
    const starts = packed.map((_, i) => packed.slice(0, i).reduce((sum, { length }) => sum + length, 0));
    const views = packed.map(({ length }, i) => whole.subarray(starts[i], (starts[i] ?? 0) + length));
    const before = Buffer.from(whole);
    const results = await Promise.all(views.map((view) => decompressBuffer(view)));
    expect(results.map((result, i) => result.equals(contents[i] ?? Buffer.of(0)))).toEqual(contents.map(() => true));
    expect(whole.equals(before)).toBe(true);
    const zstd = execFileSync("zstd", ["-c", "-q"], { input: whole, maxBuffer: 2 ** 30 });
    expect((await decompressBuffer(zstd)).equals(whole)).toBe(true);
    expect((await decompressBuffer(Buffer.from("plain"))).toString()).toBe("plain");
  });

  test("that is damaged, cut or too large fails alone", async () => {
    const good = xz(Buffer.alloc(3 * MiB, "text"));
    const damaged = Buffer.from(good);
    damaged.fill(0xff, 40, 60);
    const outcomes = await Promise.allSettled(
      [...Array(30).keys()].map((i) =>
        decompressBuffer([good, damaged, good.subarray(0, 300)][i % 3] ?? good, {
          limit: i < 15 ? 3 * MiB : MiB,
          name: `member ${i}`,
        }),
      ),
    );
    const told = outcomes.map((outcome) =>
      outcome.status === "fulfilled" ? outcome.value.length : `${outcome.reason.code} ${outcome.reason.message}`,
    );
    for (const [i, outcome] of told.entries()) {
      if (i % 3 !== 0) expect(outcome).toMatch(new RegExp(`^DECOMPRESS_DAMAGED member ${i} is damaged near byte`));
      else if (i < 15) expect(outcome).toBe(3 * MiB);
      else expect(outcome).toMatch(new RegExp(`^DECOMPRESS_TOO_LARGE member ${i} `));
    }
  });

  test("is given up when the signal says so, also what waits for its turn; what comes later is decoded", async () => {
    // None of them is done before the signal comes, however long that takes.
    const packed = xz(Buffer.alloc(64 * MiB));
    const long = Buffer.concat(Array<Buffer>(8).fill(packed));
    const stop = new AbortController();
    const reason = new Error("stopped by the user");
    const reading = Promise.allSettled(
      [...Array(50).keys()].map(() => decompressBuffer(long, { signal: stop.signal })),
    );
    await sleep(50);
    stop.abort(reason);
    expect((await reading).map((outcome) => outcome.status === "rejected" && outcome.reason)).toEqual(
      Array(50).fill(reason),
    );
    expect(await decompressBuffer(packed)).toHaveLength(64 * MiB);
  });

  test("leaves the calling thread free", async () => {
    // Text that can hardly be packed takes long to decode, and little to copy.
    const packed = xz(Buffer.from(randomBytes(6 * MiB).toString("base64")));
    const before = performance.eventLoopUtilization();
    await decompressBuffer(packed);
    expect(performance.eventLoopUtilization(before).utilization).toBeLessThan(0.5);
  });

  test("keeps the process alive until it is decoded, and no longer, also when a stream was left in the middle", () => {
    const packed = xz(Buffer.alloc(8 * MiB)).toString("base64");
    const script = `
      import { decompress, decompressBuffer } from ${JSON.stringify(pathToFileURL(`${import.meta.dirname}/../src/index.ts`).href)};
      const packed = Buffer.from("${packed}", "base64");
      for await (const _ of decompress((async function* () { for (;;) yield packed; })())) break;
      decompressBuffer(packed).then(({ length }) => console.log(length));`;
    const node = ["--conditions=@base-kit/source", "--import", "tsx", "--input-type=module", "-e", script];
    expect(execFileSync(process.execPath, node, { encoding: "utf8", timeout: 100_000 })).toBe(`${8 * MiB}\n`);
  });

  test("is decoded into the memory of what came before, where each chunk is done with before the next", async () => {
    const content = randomBytes(8 * MiB);
    const packed = xz(content);
    for (const transient of [true, false]) {
      const chunks: Uint8Array[] = [];
      let size = 0;
      for await (const chunk of decompress(once(packed), { transient })) {
        expect(content.compare(chunk, 0, chunk.length, size, size + chunk.length)).toBe(0);
        size += chunk.length;
        chunks.push(chunk);
      }
      expect(size).toBe(content.length);
      // Memory that was handed over is seen as empty.
      const given = chunks.slice(0, -2).map(({ length }) => (length === 0 ? "taken" : "kept"));
      expect(new Set(given)).toEqual(new Set([transient ? "taken" : "kept"]));
    }
  });

  test("ends its threads when nothing more comes, and begins again", async () => {
    const packed = xz(Buffer.alloc(MiB));
    await decompressBuffer(packed);
    const threads = () => readdirSync("/proc/self/task").length;
    const busy = threads();
    for (let waited = 0; threads() >= busy && waited < 600; waited++) await sleep(100);
    expect(threads()).toBeLessThan(busy);
    expect(await decompressBuffer(packed)).toHaveLength(MiB);
  });

  test("more streams than threads can be open, each read a little", async () => {
    const packed = xz(Buffer.alloc(4 * MiB));
    const streams = [...Array(20).keys()].map(() => decompress(once(packed)));
    for (const stream of streams) expect((await stream.next()).done).toBe(false);
    expect(await decompressBuffer(packed)).toHaveLength(4 * MiB);
    for (const stream of streams) await stream.return();
  });
});
