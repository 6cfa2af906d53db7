import { expect, test } from "vitest";
import { alongside } from "../src/alongside.ts";

async function* numbers(count: number): AsyncGenerator<Uint8Array, void, void> {
  for (let at = 0; at < count; at++) yield Uint8Array.of(at % 256);
}

async function counted(chunks: AsyncIterable<Uint8Array>): Promise<number> {
  let count = 0;
  for await (const _ of chunks) count++;
  return count;
}

test("both readers see everything", async () => {
  const { chunks, watched } = alongside(numbers(1000), counted);
  expect(await counted(chunks)).toBe(1000);
  expect(await watched).toBe(1000);
});

test("the first goes on when the second fails or has seen enough", async () => {
  const failing = alongside(numbers(1000), async (chunks) => {
    for await (const _ of chunks) throw new Error("seen enough");
  });
  expect(await counted(failing.chunks)).toBe(1000);
  await expect(failing.watched).rejects.toThrow("seen enough");
  const content = alongside(numbers(1000), async () => "nothing read");
  expect(await counted(content.chunks)).toBe(1000);
  expect(await content.watched).toBe("nothing read");
});

test("the second never takes a part for the whole", async () => {
  const broken = async function* () {
    yield* numbers(3);
    throw new Error("the disk is gone");
  };
  const failed = alongside(broken(), counted);
  await expect(counted(failed.chunks)).rejects.toThrow("the disk is gone");
  await expect(failed.watched).rejects.toThrow("not read to its end");
  const left = alongside(numbers(1000), counted);
  for await (const _ of left.chunks) break;
  await expect(left.watched).rejects.toThrow("not read to its end");
});
