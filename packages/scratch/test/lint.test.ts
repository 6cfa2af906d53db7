import { bytesFromText, type Entry, type RuntimeConfig } from "@base-kit/core";
import { elfBytes, entriesFromText } from "@base-kit/testing";
import { describe, expect, test } from "vitest";
import { lintRootfs } from "../src/index.ts";

function lint(
  text: string,
  runtime: RuntimeConfig = {},
  programs: Readonly<Record<string, Uint8Array>> = {},
): readonly string[] {
  const files = Object.entries(programs).map(
    ([path, bytes]): Entry => ({
      ...{ type: "file", path: bytesFromText(path), mode: 0o755, uid: 0, gid: 0, mtime: 0 },
      size: bytes.length,
      content: () => [bytes],
    }),
  );
  return lintRootfs([...entriesFromText(text), ...files], runtime).map(
    ({ rule, severity, path, message }) => `${severity} ${rule} ${path} ${message}`,
  );
}

describe("lint", () => {
  test.each([
    [
      "a program that is not there",
      "directory 755 0:0 bin/",
      { cmd: ["/bin/x"] },
      ["error entrypoint /bin/x would be started, and is not in the image"],
    ],
    [
      "one that is not executable",
      'file 644 0:0 x "y"',
      { entrypoint: ["/x"] },
      ["error entrypoint /x would be started, and is not executable"],
    ],
    [
      "one on the PATH, by a link",
      'directory 755 0:0 usr/bin/\nfile 755 0:0 usr/bin/x "y"\nsymlink 777 0:0 bin -> usr/bin',
      { cmd: ["x"] },
      [],
    ],
    [
      "a user without an account",
      'file 644 0:0 etc/passwd "root:x:0:0::/:\\n"',
      { user: "app" },
      ["error user /etc/passwd has no entry for app, as which a container would run"],
    ],
    [
      "a number without an account",
      "directory 755 0:0 etc/",
      { user: "7" },
      ["warning user /etc/passwd has no entry for 7, as which a container would run"],
    ],
    ["a user by number with an account", 'file 644 0:0 etc/passwd "a:x:7:7::/:\\n"', { user: "7" }, []],
    [
      "dangling links, but not those into /proc",
      "symlink 777 0:0 a -> /b\nsymlink 777 0:0 c -> proc/mounts\nsymlink 777 0:0 d -> d",
      {},
      [
        "warning dangling-link /a leads to /b, which is not there",
        "warning dangling-link /d leads to d, which is not there",
      ],
    ],
    [
      "setuid",
      'file 4755 0:0 su "x"\nfile 2755 0:0 sg "x"',
      {},
      [
        "warning setuid /su is setuid: whoever starts it gets the rights of its owner",
        "warning setuid /sg is setgid: whoever starts it gets the rights of its owner",
      ],
    ],
    [
      "what everyone may write, but not with the sticky bit",
      'file 666 0:0 f "x"\ndirectory 777 0:0 d/\ndirectory 1777 0:0 tmp/',
      {},
      [
        "warning world-writable /f can be changed by every user of the container",
        "warning world-writable /d can be changed by every user of the container",
      ],
    ],
    [
      "a private key",
      `file 600 0:0 server.key "-----BEGIN PRIVATE KEY-----\\n${"A".repeat(64)}\\n-----END PRIVATE KEY-----\\n"`,
      {},
      ["error private-key /server.key is a private key: everyone who has the image can read it"],
    ],
    [
      "accounts behind a link",
      'symlink 777 0:0 etc/passwd -> ../p\nfile 644 0:0 p "x"',
      {},
      [
        "warning accounts-link /etc/passwd is a symbolic link: tools that add users do not follow it, Kubernetes refuses it",
      ],
    ],
    [
      "an empty bundle of certificates",
      'file 644 0:0 etc/ssl/certs/ca-certificates.crt ""',
      {},
      [
        "error ca-bundle /etc/ssl/certs/ca-certificates.crt the CA bundle /etc/ssl/certs/ca-certificates.crt cannot be used: it holds no certificate",
      ],
    ],
  ] as const)("%s", (_, text, runtime, expected) => {
    expect(lint(text, runtime)).toEqual(expected);
  });

  test("libraries that are missing, of programs and of what those load; a damaged program", () => {
    const interpreter = "/lib64/ld-linux-x86-64.so.2";
    const programs = {
      "bin/tool": elfBytes({ type: 3, pie: true, interpreter, needed: ["liba.so"] }),
      "bin/other": elfBytes({ type: 3, pie: true, interpreter: "/lib/ld-musl-x86_64.so.1", needed: ["libc.so"] }),
      "bin/cut": elfBytes({ needed: ["x"] }).subarray(0, 150),
      "lib64/ld-linux-x86-64.so.2": elfBytes({ type: 3, soname: "ld-linux-x86-64.so.2" }),
      "lib64/liba.so": elfBytes({ type: 3, needed: ["libb.so"] }),
    };
    expect(lint("directory 755 0:0 bin/", {}, programs)).toEqual([
      "error missing-library /lib64/liba.so needs the library libb.so, which is not in the image",
      "error missing-library /bin/other needs the interpreter /lib/ld-musl-x86_64.so.1, which is not in the image",
      expect.stringMatching(/^warning damaged-program \/bin\/cut the program \/bin\/cut is cut short/),
    ]);
  });
});
