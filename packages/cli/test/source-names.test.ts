import { isBaseKitError } from "@base-kit/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseSource } from "../src/options/source.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;

test.each([
  ["oci:dir", { transport: "oci", path: "dir", wanted: undefined }],
  ["oci:dir:tag", { transport: "oci", path: "dir", wanted: "tag" }],
  [`oci:dir@${DIGEST}`, { transport: "oci", path: "dir", wanted: DIGEST }],
  ["oci-archive:/x/y.tar:v1", { transport: "oci-archive", path: "/x/y.tar", wanted: "v1" }],
  ["docker-archive:x.tar:a/b:1", { transport: "docker-archive", path: "x.tar", wanted: "a/b:1" }],
  ["docker-daemon:a/b:1", { transport: "docker-daemon", name: "a/b:1" }],
  ["docker://a", { transport: "docker", reference: expect.objectContaining({ familiar: "a:latest" }) }],
  [`docker://h.io/a:1@${DIGEST}`, { transport: "docker", reference: expect.objectContaining({ digest: DIGEST }) }],
  ["debian:bookworm", { transport: "bare", text: "debian:bookworm" }],
  ["./image.tar", { transport: "bare", text: "./image.tar" }],
])("%s", (text, expected) => {
  expect(parseSource(text)).toEqual(expected);
});

test.each([
  "",
  "oci:",
  "oci-archive::x",
  "docker-daemon:",
  "docker-daemon:-x",
  "docker-daemon:a b",
  "docker://",
  "docker://A",
  "docker://a@sha256:1",
  "a\0b",
])("%j is refused", (text) => {
  expect(() => parseSource(text)).toThrow(expect.objectContaining({ name: "BaseKitError", kind: "usage" }));
});

test("any text is understood or refused", () => {
  const prefix = fc.constantFrom(
    "",
    "oci:",
    "oci-archive:",
    "docker-archive:",
    "docker-daemon:",
    "docker://",
    "docker:",
  );
  fc.assert(
    fc.property(prefix, fc.string(), (start, rest) => {
      try {
        parseSource(`${start}${rest}`);
      } catch (error) {
        expect(isBaseKitError(error) && error.kind).toBe("usage");
      }
    }),
  );
});
