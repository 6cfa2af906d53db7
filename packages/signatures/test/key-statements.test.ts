import fc from "fast-check";
import { expect, test } from "vitest";
import { type Keyring, parseKeyring, verifyDetached } from "../src/index.ts";
import { keyStatements, TEN_YEARS_LATER } from "./key-statements.ts";

const context = { clock: { now: () => TEN_YEARS_LATER, monotonicMs: () => 0 } };

function outcome(keyring: Keyring, data: Uint8Array, signature: Uint8Array): string | undefined {
  try {
    verifyDetached({ data, signature }, { keyring, subject: "the Release of test" }, context);
    return undefined;
  } catch (error) {
    return (error as { readonly code: string }).code;
  }
}

test.each(keyStatements())("$name: $code", ({ code, keyring, data, signature }) => {
  expect(outcome(parseKeyring(keyring, "made"), data, signature)).toBe(code);
});

test("no changed bit of a signature, of its key or of what ties them together is accepted", () => {
  const { keyring, data, signature } = keyStatements().find(({ name }) => name === "a subkey") ?? expect.unreachable();
  const parts = [keyring, data, signature];
  const whole = Buffer.concat(parts);
  fc.assert(
    fc.property(fc.nat(whole.length * 8 - 1), (bit) => {
      const changed = Buffer.from(whole);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const [ring, text, packets] = [
        changed.subarray(0, keyring.length),
        changed.subarray(keyring.length, keyring.length + data.length),
        changed.subarray(keyring.length + data.length),
      ];
      let parsed: Keyring;
      try {
        parsed = parseKeyring(ring, "made");
      } catch {
        return;
      }
      const code = outcome(parsed, text, packets);
      // Two bytes of the digest and a number's length in bits are not signed: they may change, what they stand beside may not.
      if (code === undefined) {
        expect(text).toEqual(data);
        expect(parsed.keys).toEqual(parseKeyring(keyring, "made").keys);
      }
    }),
    { numRuns: Number(process.env["BASE_KIT_RANDOM_CASES"] ?? 500) },
  );
});
