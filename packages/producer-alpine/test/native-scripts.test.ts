import { describe, expect, test } from "vitest";
import { commandsOf } from "../src/install/native/script-commands.ts";

describe("a script is a list of commands", () => {
  test.each<[string, string, readonly (readonly string[])[]]>([
    ["with nothing in it", "", []],
    ["with comments and an end", "# a\n\ntrue\nexit 0\nrm -rf /\n", []],
    [
      "whose failures do not matter",
      "addgroup -S a 2>/dev/null || true\naddgroup b >/dev/null 2>&1 || :\n",
      [
        ["addgroup", "-S", "a"],
        ["addgroup", "b"],
      ],
    ],
    [
      "with quotes",
      `adduser -g "Redis user" -s '/x y' redis`,
      [["adduser", "-g", "Redis user", "-s", "/x y", "redis"]],
    ],
    ["over several lines", "adduser -S \\\n  a", [["adduser", "-S", "a"]]],
    ["for links of busybox", "/bin/busybox --install -s || exit 1", [["/bin/busybox", "--install", "-s"]]],
  ])("%s", (_, text, expected) => {
    expect(commandsOf(`#!/bin/sh\n${text}`)).toEqual(expected);
  });

  test.each([
    "user=x\naddgroup $user",
    'addgroup "$user"',
    "addgroup a; rm b",
    "addgroup a && rm b",
    "addgroup a || rm b",
    "addgroup `x`",
    "addgroup a > /etc/x",
    "if true; then\nfi",
    "exit 1",
    "addgroup a &",
    "addgroup 'a",
    "addgroup a'b'",
    "echo *",
  ])("and nothing else: %j", (text) => {
    expect(commandsOf(`#!/bin/sh\n${text}\n`)).toBeUndefined();
  });

  test.each(["", "addgroup a", "#!/usr/bin/lua\n", "#!/bin/sh -e\naddgroup a", "\u007fELF"])(
    "of a shell: %j",
    (text) => {
      expect(commandsOf(text)).toBeUndefined();
    },
  );
});
