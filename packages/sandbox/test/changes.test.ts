import { entriesFromText, textFromEntries } from "@base-kit/testing";
import { expect, test } from "vitest";
import { packChanges, unpackChanges } from "../src/kept-changes.ts";

test("changes that were kept are the same", async () => {
  const text = [
    "directory 755 0:0@5 etc/",
    'file 640 0:42@5 etc/shadow "x" {user.a="b"}',
    "hardlink 640 0:42@5 etc/shadow- => etc/shadow",
    "symlink 777 0:0@5 var/run -> /run",
    'file 644 0:0 "etc/Ã¼\\n" ""',
  ].join("\n");
  const removed = entriesFromText('file 644 0:0 "a\\nb" ""\nfile 644 0:0 c ""').map(({ path }) => path);
  for (const gone of [removed, []]) {
    const changes = unpackChanges(await packChanges({ entries: entriesFromText(text), removed: gone }));
    expect(await textFromEntries(changes.entries)).toBe(text);
    expect(changes.removed).toEqual(gone);
  }
});
