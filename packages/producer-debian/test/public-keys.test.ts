import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Context, Event } from "@base-kit/core";
import { createStore } from "@base-kit/store";
import { afterEach, beforeEach, expect, test } from "vitest";
import { DEBIAN_KEYS } from "../src/archive/debian-keys.ts";
import { publicKeyring, UBUNTU_KEYS } from "../src/archive/public-keys.ts";

const IN_2026 = Date.UTC(2026, 0, 1) / 1000;
let dir: string;
let events: Event[];
let asked: string[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "public-keys-"));
  events = [];
  asked = [];
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test("Debian's pinned keys have their fingerprints and need no network", async () => {
  const keyring = await publicKeyring("debian", context(404), dir);
  expect(keyring.certificates.map(({ primary }) => primary.key.fingerprint.toLowerCase())).toEqual(
    DEBIAN_KEYS.map(({ fingerprint }) => fingerprint),
  );
  expect(asked).toEqual([]);
});

test("Ubuntu's keys are asked for by fingerprint, and another key in their place is refused", async () => {
  const other = Buffer.from(DEBIAN_KEYS[0]?.certificate ?? "", "base64");
  const refused = publicKeyring("ubuntu", context(200, other), dir);
  await expect(refused).rejects.toMatchObject({ code: "KEYRING_MISSING", hint: expect.stringContaining("--keyring") });
  expect(asked[0]).toBe(
    `https://keyserver.ubuntu.com/pks/lookup?op=get&options=mr&search=0x${UBUNTU_KEYS[0].toUpperCase()}`,
  );
  expect(events).toContainEqual(expect.objectContaining({ message: expect.stringContaining("is not the key") }));
});

test("without Ubuntu's keys the keyring is missing", async () => {
  await expect(publicKeyring("ubuntu", context(404), dir)).rejects.toMatchObject({
    code: "KEYRING_MISSING",
    hint: expect.stringMatching(/^Install the package ubuntu-keyring, /),
  });
  expect(events).toContainEqual(expect.objectContaining({ code: "ARCHIVE_KEY_NOT_FETCHED" }));
});

function context(status: number, body: Uint8Array = new Uint8Array()): Context {
  const reporter = { emit: (event: Event) => void events.push(event) };
  return {
    reporter,
    store: createStore(join(dir, "cache"), { reporter }),
    tempDir: dir,
    clock: { now: () => IN_2026, monotonicMs: () => 0 },
    signal: new AbortController().signal,
    fetch: async (url) => {
      asked.push(url.toString());
      const chunks = [body].values();
      const stream = {
        [Symbol.asyncIterator]: () => stream,
        next: async () => chunks.next(),
      } as AsyncIterableIterator<Uint8Array>;
      return { status, headers: {}, url: url.toString(), body: stream };
    },
    exec: () => Promise.reject(new Error("nothing is run here")),
    env: {},
  };
}
