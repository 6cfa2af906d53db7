import { expect, test } from "vitest";
import { parseRepositoryLine } from "../src/archive/repository-line.ts";
import { checkOptions } from "../src/check-options.ts";

const LINE = "[signed-by=/etc/keys/mine.gpg] https://deb.example.org/debian trixie main extra";

test.each([LINE, `deb ${LINE}`])("%s is a line of sources.list", (line) => {
  expect(parseRepositoryLine(line)).toEqual({
    uri: "https://deb.example.org/debian",
    suite: "trixie",
    components: ["main", "extra"],
    signedBy: "/etc/keys/mine.gpg",
  });
});

test.each([
  ["foo", "it is no line"],
  [`deb ${LINE}\ndeb ${LINE}`, "it is no line"],
  ["deb [signed-by=/k] ftp://example.org/ trixie main", "no http, https or file URL"],
  ["deb [signed-by=/k] https://me:secret@example.org/ trixie main", "holds credentials"],
  ["deb [signed-by=/k] https://example.org/ ./", "archives without suites"],
  ["deb [signed-by=/k] https://example.org/ trixie", "names no component"],
  ["deb https://example.org/ trixie main", "by which keyring"],
])("%j is refused with the other options, before anything is fetched", async (line, why) => {
  const error = await checkOptions({ repository: [LINE, line] }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({
    code: "REPOSITORY_INVALID",
    kind: "usage",
    message: expect.stringContaining(why),
  });
  expect(String(error)).not.toContain("secret");
});
