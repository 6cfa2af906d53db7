import { expect, test } from "vitest";
import { triggerFiles } from "../../src/dpkg-database/triggers.ts";

const interested = (name: string, text: string) => {
  const file = { name: "triggers", mode: 0o644, mtime: 0, base64: Buffer.from(text).toString("base64") };
  return { name, contents: { control: "", controlFiles: [file], members: [], conffileDigests: {} } };
};

test("who waits for which path, and for which name", () => {
  const files = triggerFiles([
    interested("libc-bin", "# comment\ninterest-noawait ldconfig\n"),
    interested("other:amd64", "interest ldconfig # because\ninterest-await /usr/share/a\nactivate-noawait x\n"),
    interested("more", "interest-noawait /usr/share/b"),
  ]);
  expect(Object.fromEntries(files)).toEqual({
    ldconfig: "libc-bin/noawait\nother:amd64\n",
    File: "/usr/share/a other:amd64\n/usr/share/b more/noawait\n",
    Unincorp: "",
  });
});

test.each([["../../../etc/passwd"], ["a/b"], [".hidden"], ["a\u001bb"], ["/usr/\u001b"], ["a_b"]])(
  "%j is no trigger",
  (trigger) => {
    expect(() => triggerFiles([interested("demo", `interest ${trigger}`)])).toThrow("which is no trigger");
  },
);
