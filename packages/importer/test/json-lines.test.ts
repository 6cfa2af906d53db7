import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type EngineMessage, engineMessages, MalformedAnswer } from "../src/json-lines.ts";
import { LINE_AT_MOST } from "../src/limits.ts";

async function read(...chunks: readonly (string | Uint8Array)[]): Promise<readonly EngineMessage[]> {
  const messages: EngineMessage[] = [];
  for await (const message of engineMessages(stream(chunks))) messages.push(message);
  return messages;
}

async function* stream(chunks: readonly (string | Uint8Array)[]) {
  for (const chunk of chunks) yield typeof chunk === "string" ? Buffer.from(chunk) : chunk;
}

describe("an engine's answer", () => {
  test("of Docker is read line by line", async () => {
    const answer = await read(
      '{"status":"Loading layer","progressDetail":{"current":5,"total":10},"progress":"[==> ]","id":"abc"}\r\n',
      '{"stream":"Loaded image ID: sha256:1\\n"}\r\n',
    );
    expect(answer).toEqual([
      { status: "Loading layer", id: "abc", progress: { current: 5, total: 10 } },
      { stream: "Loaded image ID: sha256:1\n" },
    ]);
  });

  test("of podman too, with empty fields and no end of line", async () => {
    expect(await read('{"status":"sha256:1","progress":"","progressDetail":{},"id":"sha256:1"}')).toEqual([
      { status: "sha256:1", id: "sha256:1" },
    ]);
  });

  test.each([
    ['{"errorDetail":{"code":1,"message":"no space left"},"error":"older words"}', "no space left"],
    ['{"error":"older words"}', "older words"],
    ['{"errorDetail":{"message":"only detail"}}', "only detail"],
    ['{"errorDetail":{}}', "{}"],
    ['{"error":{"a":1}}', '{"a":1}'],
    ['{"cause":"why","message":"podman says why","response":500}', "podman says why"],
  ])("%s is a failure", async (line, error) => {
    expect(await read('{"stream":"fine"}\n', line)).toEqual([{ stream: "fine" }, { error }]);
  });

  test.each(["<html>", '{"stream":', "null", "[1]", '"text"', "\0\0", "{}{}"])("%j is not one", async (text) => {
    await expect(read(text)).rejects.toThrow(MalformedAnswer);
  });

  test("of an endless line is given up in bounded memory", async () => {
    let sent = 0;
    const endless = async function* () {
      for (;;) {
        sent += 65536;
        yield Buffer.alloc(65536, "x");
      }
    };
    await expect(engineMessages(endless()).next()).rejects.toThrow(MalformedAnswer);
    expect(sent).toBeLessThan(2 * LINE_AT_MOST);
  });

  test("is the same however the bytes are cut, also inside a letter", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ stream: fc.string({ unit: "grapheme" }) }), { maxLength: 5 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 7 })),
        fc.constantFrom("\n", "\r\n", "\n\n"),
        async (messages, sizes, end) => {
          const bytes = Buffer.from(messages.map((message) => JSON.stringify(message) + end).join(""));
          const chunks: Uint8Array[] = [];
          for (let at = 0; at < bytes.length; ) {
            const size = sizes.next().value as number;
            chunks.push(bytes.subarray(at, at + size));
            at += size;
          }
          expect(await read(...chunks)).toEqual(messages);
        },
      ),
      { numRuns: 50 },
    ));
});
