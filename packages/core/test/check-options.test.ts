import { describe, expect, test } from "vitest";
import { z } from "zod";
import { checkOptions } from "../src/index.ts";

interface Options {
  readonly mirror?: string | undefined;
  readonly include: string[];
}

const schema: z.ZodType<Options> = z.strictObject({
  mirror: z.string().startsWith("http", "expected a URL").optional(),
  include: z.array(z.string().regex(/^[a-z]+$/, "expected a package")).default([]),
});

describe("options of a producer", () => {
  test("come back with their defaults", () => {
    expect(checkOptions(schema, {})).toEqual({ include: [] });
  });

  test.each<readonly [string, unknown, string]>([
    ["a value, which is named", { include: ["ok", "NO"] }, "--include NO: expected a package"],
    ["a control character, which is escaped", { include: ["\u001b[2J"] }, '--include "\\x1b[2J": expected a package'],
    ["a secret, which is not told", { mirror: "ftp://me:pw@host/" }, "--mirror ftp://***@host/: expected a URL"],
    ["an option that does not exist", { includ: [] }, "there is no option includ"],
    [
      "all that is wrong",
      { mirror: "x", include: ["1"] },
      "--mirror x: expected a URL; --include 1: expected a package",
    ],
    ["something else than text", { mirror: 1 }, "--mirror: Invalid input: expected string, received number"],
    ["something else than options", "text", "the options: Invalid input: expected object, received string"],
  ])("are refused for %s", (_, given, message) => {
    expect(() => checkOptions(schema, given)).toThrow(
      expect.objectContaining({ code: "OPTION_INVALID", kind: "usage", message }),
    );
  });
});
