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
        "warning setuid /sg is setgid: whoever starts it gets the rights of its group",
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
      "a key under any name, and one that comes after a certificate, but no certificate",
      [
        `file 600 0:0 app/config "-----BEGIN OPENSSH PRIVATE KEY-----\\n${"A".repeat(64)}\\n"`,
        `file 600 0:0 both.pem "-----BEGIN CERTIFICATE-----\\n${"A".repeat(64)}\\n-----BEGIN RSA PRIVATE KEY-----\\n"`,
        `file 600 0:0 cert.pem "-----BEGIN CERTIFICATE-----\\n${"A".repeat(64)}\\n-----END CERTIFICATE-----\\n"`,
        `file 644 0:0 text "see -----BEGIN RSA PRIVATE KEY----- ${"A".repeat(64)}"`,
      ].join("\n"),
      {},
      [
        "error private-key /app/config is a private key: everyone who has the image can read it",
        "error private-key /both.pem is a private key: everyone who has the image can read it",
      ],
    ],
    [
      "a group without an entry",
      'file 644 0:0 etc/passwd "app:x:7:7::/:\\n"\nfile 644 0:0 etc/group "staff:x:50:\\n"',
      { user: "app:wheel" },
      ["error user /etc/group has no entry for wheel, as which a container would run"],
    ],
    [
      "a script whose interpreter is missing",
      'file 755 0:0 a.sh "#!/bin/sh\\n"',
      { cmd: ["/a.sh"] },
      ["error entrypoint /a.sh would be started, and is a script for which the image has no interpreter"],
    ],
    [
      "a script that env would start without end",
      'file 755 0:0 a.sh "#!/usr/bin/env\\n"\nfile 755 0:0 usr/bin/env "x"',
      { cmd: ["/a.sh"] },
      ["error entrypoint /a.sh would be started, and is a script for which the image has no interpreter"],
    ],
    [
      "a script that env finds the interpreter of",
      'file 755 0:0 a.rb "#!/usr/bin/env -S ruby -w\\n"\nfile 755 0:0 usr/bin/env "x"\nfile 755 0:0 usr/bin/ruby "x"',
      { cmd: ["/a.rb"] },
      [],
    ],
    ["a program from the working directory", 'file 755 0:0 app/run "x"', { cmd: ["./run"], workdir: "/app" }, []],
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
      "lib/ld-musl-aarch64.so.1": elfBytes({ type: 3, machine: 183 }),
      "lib/libz.so": elfBytes({ type: 3, machine: 183, needed: ["libc.musl-aarch64.so.1"] }),
      "lib64/ld-linux-x86-64.so.2": elfBytes({ type: 3, soname: "ld-linux-x86-64.so.2" }),
      "lib64/liba.so": elfBytes({ type: 3, needed: ["libb.so"] }),
      "plugins/one.so": elfBytes({ type: 3, needed: ["liba.so", "libnone.so.2"] }),
    };
    expect(lint("directory 755 0:0 bin/", {}, programs)).toEqual([
      "error missing-library /lib64/liba.so needs the library libb.so, which is not in the image",
      "error missing-library /bin/other needs the interpreter /lib/ld-musl-x86_64.so.1, which is not in the image",
      expect.stringMatching(/^warning damaged-program \/bin\/cut the program \/bin\/cut is cut short/),
      "warning missing-library /plugins/one.so needs the library libnone.so.2, which is nowhere in the image",
    ]);
  });
});
