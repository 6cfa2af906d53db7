import { describe, expect, test } from "vitest";
import { refuseCredentials } from "../src/index.ts";

describe("a label or annotation with a login", () => {
  test.each([
    "https://token@git.example.com/x",
    "https://user:secret@git.example.com/x",
    "see http://user:secret@host/ for more",
    "postgres://user:secret@db/x",
    "HTTPS://:secret@host",
  ])("%s is refused, and not repeated", (value) => {
    expect(() => refuseCredentials("label", { source: value })).toThrow(
      expect.objectContaining({ code: "IMAGE_CREDENTIALS", message: expect.not.stringMatching(/secret|token/) }),
    );
  });

  test.each([
    "https://git.example.com/x?at=a@b",
    "ssh://git@git.example.com/x",
    "git@git.example.com:x",
    "Somebody <somebody@example.com>",
    "https://example.com/@scope/package",
  ])("%s is none", (value) => {
    expect(() => refuseCredentials("annotation", { source: value })).not.toThrow();
  });
});
