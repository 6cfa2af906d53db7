import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { resolveMirror } from "../src/index.ts";

const dir = mkdtempSync(join(tmpdir(), "mirror test #1 %41"));
mkdirSync(join(dir, "--help"));
writeFileSync(join(dir, "file"), "");
afterAll(() => rmSync(dir, { recursive: true }));

describe("a mirror", () => {
  test.each([
    ["https://mirror.example/debian", "https://mirror.example/debian/"],
    ["https://mirror.example/debian/", "https://mirror.example/debian/"],
    ["http://mirror.example", "http://mirror.example/"],
    ["HTTP://Mirror.Example:8080/a b", "http://mirror.example:8080/a%20b/"],
    ["http://[::1]:80/x", "http://[::1]/x/"],
    ["https://me:secret@mirror.example/x", "https://me:secret@mirror.example/x/"],
  ])("%s is %s", (mirror, expected) => {
    expect(resolveMirror(mirror).href).toBe(expected);
  });

  test("is a folder, whatever its name, or its URL", () => {
    expect(resolveMirror(dir).href).toBe(`${pathToFileURL(dir).href}/`);
    expect(resolveMirror(join(dir, "--help")).href).toBe(`${pathToFileURL(join(dir, "--help")).href}/`);
    expect(resolveMirror(pathToFileURL(dir).href).href).toBe(`${pathToFileURL(dir).href}/`);
    expect(resolveMirror(".").href).toBe(`${pathToFileURL(process.cwd()).href}/`);
  });

  test.each([
    "",
    " ",
    "ftp://mirror.example/",
    "data:,x",
    "http://",
    "https://mirror.example/?token=abc",
    "http://m/#x",
    "a\nb",
    "a\0",
  ])("%j is refused, without showing secrets", (mirror) => {
    const resolving = () => resolveMirror(mirror);
    expect(resolving).toThrowError(expect.objectContaining({ code: "MIRROR_INVALID", kind: "usage" }));
    expect(resolving).not.toThrow("abc");
  });

  test.each(["/no/such/folder", join(dir, "file"), "file:///no/such/folder"])("%s is not a folder", (mirror) => {
    expect(() => resolveMirror(mirror)).toThrowError(
      expect.objectContaining({ code: "MIRROR_NOT_FOUND", kind: "environment" }),
    );
  });

  test("on another machine cannot be a file", () => {
    expect(() => resolveMirror("file://server/share")).toThrowError(
      expect.objectContaining({ code: "MIRROR_INVALID" }),
    );
  });
});
