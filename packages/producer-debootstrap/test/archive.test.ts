import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Context, Event } from "@base-kit/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { chooseArchive, mirrorArgument } from "../src/archive.ts";
import type { Suite } from "../src/suite.ts";

const DEBIAN: Suite = {
  name: "bookworm",
  script: undefined,
  distribution: "debian",
  keyring: "/usr/share/keyrings/debian-archive-keyring.gpg",
  mirror: undefined,
};
const UBUNTU: Suite = {
  ...DEBIAN,
  name: "focal",
  distribution: "ubuntu",
  keyring: "/usr/share/keyrings/ubuntu-archive-keyring.gpg",
};

let host: string;
beforeEach(() => {
  host = mkdtempSync(join(tmpdir(), "base-kit-test-"));
});
afterEach(() => rmSync(host, { recursive: true, force: true }));

function write(path: string, content: string): void {
  mkdirSync(dirname(join(host, path)), { recursive: true });
  writeFileSync(join(host, path), content);
}

function debianHost(sources: string): void {
  write("etc/os-release", 'ID=debian\nVERSION_CODENAME="bookworm"\n');
  write("etc/apt/sources.list", sources);
}

interface Asked {
  readonly suite?: Suite;
  readonly architecture?: string;
  readonly mirror?: string;
  readonly keyring?: string;
  readonly env?: Readonly<Record<string, string>>;
}

async function choose({ suite = DEBIAN, architecture = "amd64", env = {}, ...asked }: Asked = {}) {
  const events: Event[] = [];
  const context = { env, reporter: { emit: (event: Event) => events.push(event) } } as unknown as Context;
  const archive = await chooseArchive({ suite, architecture, hostRoot: host, ...asked }, context);
  return { ...archive, keyring: archive.keyring.replace(host, ""), notes: events };
}

describe("the mirror comes from", () => {
  const own =
    "deb http://own.example.org/debian/ bookworm main\ndeb http://own.example.org/debian/ bookworm-updates main\n";
  const env = { BASE_KIT_DEBIAN_MIRROR: "http://env.example.org/debian" };

  test("the option before all else", async () => {
    debianHost(own);
    expect(await choose({ mirror: "http://asked.example.org/debian/", env })).toMatchObject({
      mirror: "http://asked.example.org/debian",
    });
  });

  test("the environment, for its distribution only", async () => {
    debianHost(own);
    expect(await choose({ env })).toMatchObject({ mirror: "http://env.example.org/debian" });
    expect(await choose({ suite: UBUNTU, env })).toMatchObject({ mirror: "http://archive.ubuntu.com/ubuntu" });
    expect(await choose({ env: { BASE_KIT_DEBIAN_MIRROR: "" } })).toMatchObject({
      mirror: "http://own.example.org/debian",
    });
  });

  test("the machine's own apt, for another suite of its distribution as well", async () => {
    debianHost(own);
    expect(await choose()).toMatchObject({ mirror: "http://own.example.org/debian" });
    expect(await choose({ suite: { ...DEBIAN, name: "trixie" } })).toMatchObject({
      mirror: "http://own.example.org/debian",
    });
  });

  test("the machine's own apt together with the keyring it is signed by", async () => {
    debianHost("deb [signed-by=/etc/company.gpg] http://own.example.org/debian bookworm main\n");
    expect(await choose()).toMatchObject({ mirror: "http://own.example.org/debian", keyring: "/etc/company.gpg" });
    expect(await choose({ mirror: "http://x/debian" })).toMatchObject({ keyring: DEBIAN.keyring });
  });

  test("the distribution's source rather than a third party's with the same names", async () => {
    debianHost(`deb http://third.example.org/ bookworm main\n${own}`);
    expect(await choose()).toMatchObject({ mirror: "http://own.example.org/debian" });
  });

  test.each([
    "deb cdrom:[Debian]/ bookworm main",
    "deb mirror+file:/etc/mirrors bookworm main",
    "deb http://own.example.org/debian-security bookworm-security main",
    "deb http://own.example.org/debian bookworm contrib",
  ])("the public one when apt has only %s", async (source) => {
    debianHost(`${source}\n`);
    expect(await choose()).toMatchObject({ mirror: "http://ftp.debian.org/debian", keyring: DEBIAN.keyring });
  });

  test("the public one when apt's has credentials, which is told without them", async () => {
    debianHost("deb http://user:secret@own.example.org/debian bookworm main\n");
    const { mirror, notes } = await choose();
    expect(mirror).toBe("http://ftp.debian.org/debian");
    expect(JSON.stringify(notes)).toContain("own.example.org");
    expect(JSON.stringify(notes)).not.toContain("secret");
  });

  test.each([
    ["amd64", "http://archive.ubuntu.com/ubuntu"],
    ["i386", "http://archive.ubuntu.com/ubuntu"],
    ["arm64", "http://ports.ubuntu.com/ubuntu-ports"],
  ])("Ubuntu's public ones for %s: %s", async (architecture, mirror) => {
    expect(await choose({ suite: UBUNTU, architecture })).toMatchObject({ mirror });
  });

  test("debootstrap's script for distributions that have one there", async () => {
    const kali = { ...DEBIAN, distribution: "kali", mirror: "http://http.kali.org/kali/" };
    expect(await choose({ suite: kali })).toMatchObject({ mirror: "http://http.kali.org/kali" });
  });
});

test("the distribution's keyring may be called .pgp", async () => {
  expect(await choose()).toMatchObject({ keyring: "/usr/share/keyrings/debian-archive-keyring.gpg" });
  write("usr/share/keyrings/debian-archive-keyring.pgp", "");
  expect(await choose()).toMatchObject({ keyring: "/usr/share/keyrings/debian-archive-keyring.pgp" });
  write("usr/share/keyrings/debian-archive-keyring.gpg", "");
  expect(await choose()).toMatchObject({ keyring: "/usr/share/keyrings/debian-archive-keyring.gpg" });
});

describe("a mirror", () => {
  test.each([
    ["http://m.example.org/debian/", "http://m.example.org/debian"],
    ["https://m.example.org:8443", "https://m.example.org:8443"],
    ["file:///usr/share/", "file:///usr/share"],
    ["/usr/share", "file:///usr/share"],
  ])("%s is given to debootstrap as %s", (given, expected) => {
    expect(mirrorArgument(given)).toBe(expected);
  });

  test.each(["http://user:secret@m.example.org/debian", "http://user@m.example.org/debian"])(
    "with credentials is refused without showing them: %s",
    (mirror) => {
      expect(() => mirrorArgument(mirror)).toThrow(
        expect.objectContaining({ code: "MIRROR_WITH_CREDENTIALS", message: expect.not.stringContaining("secret") }),
      );
    },
  );

  test.each([
    "http://m.example.org/debian?token=1",
    "http://m.example.org/#x",
    "http://m.example.org/a%20b",
    "ftp://m.example.org/",
  ])("that debootstrap would misread is refused: %s", (mirror) => {
    expect(() => mirrorArgument(mirror)).toThrow(expect.objectContaining({ code: "MIRROR_INVALID", kind: "usage" }));
  });

  test.each(["my mirror", "$(id)", "a*", "a;b", "a%41"])("in a folder named %s is refused", (name) => {
    mkdirSync(join(host, name));
    expect(() => mirrorArgument(join(host, name))).toThrow(
      expect.objectContaining({ code: "MIRROR_INVALID", hint: expect.stringContaining("symbolic link") }),
    );
  });
});
