import { expect, test } from "vitest";
import { documentTitle, isOpenFile } from "../src/open-file.ts";

test.each([
  ["/dev/fd/63", true],
  ["/proc/self/fd/3", true],
  ["/proc/1234/root/../fd/3", true],
  ["//dev/stdin", true],
  ["/dev/null", true],
  ["/dev/shm/tree.tar", false],
  ["dev/fd/3", false],
  ["/device/tree.tar", false],
  ["-", false],
])("%s has no name of its own: %s", (path, expected) => {
  expect(isOpenFile(path)).toBe(expected);
});

test.each([
  ["lists/a.spdx.json", "application/spdx+json", "a.spdx.json"],
  ["-", "application/spdx+json", "sbom.spdx.json"],
  ["/proc/self/fd/3", "application/vnd.cyclonedx+json", "sbom.cdx.json"],
  ["/dev/fd/3", "text/plain", undefined],
])("a document from %s of the type %s is called %s", (path, type, title) => {
  expect(documentTitle(path, type)).toBe(title);
});
