import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Exec } from "@base-kit/core";
import { BaseKitError } from "@base-kit/core";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseAuthFile } from "../src/auth-file.ts";
import { findCredentials } from "../src/credentials.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "base-kit-test-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const encoded = (pair: string) => Buffer.from(pair).toString("base64");

function write(name: string, content: unknown): string {
  const path = join(folder, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

/** Helpers of a fault-free world: program by program, what it answers to a server's name. */
function helpers(answers: Readonly<Record<string, (server: string) => { exitCode?: number; stdout: string }>>): Exec {
  return async (file, args, options = {}) => {
    expect(args).toEqual(["get"]);
    const answer = answers[file];
    if (answer === undefined) throw new BaseKitError("EXEC_NOT_FOUND", "no such program", { kind: "environment" });
    const { exitCode = 0, stdout } = answer(String(options.stdin).trim());
    return { exitCode, stdout: Buffer.from(stdout), stderr: "" };
  };
}

function find(registry: string, repository: string, env: Readonly<Record<string, string>>, exec: Exec = helpers({})) {
  return findCredentials(registry, repository, { env, exec, signal: new AbortController().signal });
}

describe("a login is found", () => {
  const password = (username: string, secret: string) => ({ type: "password", username, password: secret });

  test.each([
    ["example.com", "example.com"],
    ["https://example.com", "example.com"],
    ["https://example.com/v1/", "example.com"],
    ["example.com/v2", "example.com"],
    ["https://index.docker.io/v1/", "docker.io"],
    ["docker.io", "docker.io"],
    ["127.0.0.1:5000", "127.0.0.1:5000"],
  ])("under the key %s for %s", async (key, registry) => {
    write("docker/config.json", { auths: { [key]: { auth: encoded("me:pass:word") } } });
    expect(await find(registry, "a/b", { DOCKER_CONFIG: join(folder, "docker") })).toEqual(password("me", "pass:word"));
    expect(await find("other.example.com", "a/b", { DOCKER_CONFIG: join(folder, "docker") })).toBeUndefined();
  });

  test("for a repository before the one for its registry", async () => {
    const auths = {
      "example.com": { auth: encoded("all:1") },
      "example.com/team": { auth: encoded("team:2") },
      "example.com/team/app": { auth: encoded("app:3") },
    };
    const env = { REGISTRY_AUTH_FILE: write("auth.json", { auths }) };
    expect(await find("example.com", "team/app", env)).toEqual(password("app", "3"));
    expect(await find("example.com", "team/other", env)).toEqual(password("team", "2"));
    expect(await find("example.com", "teams", env)).toEqual(password("all", "1"));
  });

  test("in the places of podman and docker, in their order", async () => {
    const one = (name: string) => ({ auths: { "example.com": { auth: encoded(`${name}:x`) } } });
    write("home/.docker/config.json", one("docker"));
    const env: Record<string, string> = { HOME: join(folder, "home") };
    const who = async () => ((await find("example.com", "a", env)) as { username: string }).username;
    expect(await who()).toBe("docker");
    write("home/.config/containers/auth.json", one("podman"));
    expect(await who()).toBe("podman");
    env["XDG_RUNTIME_DIR"] = join(folder, "run");
    write("run/containers/auth.json", one("session"));
    expect(await who()).toBe("session");
    env["DOCKER_CONFIG"] = join(folder, "named");
    write("named/config.json", one("named"));
    expect(await who()).toBe("named");
    env["REGISTRY_AUTH_FILE"] = write("auth.json", one("first"));
    expect(await who()).toBe("first");
  });

  test.each([
    [{ identitytoken: "refresh" }, { type: "identity", token: "refresh" }],
    [{ registrytoken: "bearer" }, { type: "bearer", token: "bearer" }],
    [{ username: "u", password: "p" }, password("u", "p")],
    [{ auth: encoded("u:p\0\0") }, password("u", "p")],
    [{ auth: encoded("without a colon") }, undefined],
    [{}, undefined],
  ])("as %j", async (entry, expected) => {
    const env = { REGISTRY_AUTH_FILE: write("auth.json", { auths: { "example.com": entry } }) };
    expect(await find("example.com", "a", env)).toEqual(expected);
  });

  test("by the program that keeps it", async () => {
    const file = {
      credsStore: "all",
      credHelpers: { "example.com": "one" },
      auths: { "third.example.com": { auth: encoded("in:file") } },
    };
    const env = { REGISTRY_AUTH_FILE: write("auth.json", file) };
    const exec = helpers({
      "docker-credential-one": () => ({ stdout: JSON.stringify({ Username: "<token>", Secret: "refresh" }) }),
      "docker-credential-all": (server) =>
        server === "https://index.docker.io/v1/"
          ? { stdout: JSON.stringify({ ServerURL: server, Username: "hub", Secret: "s" }) }
          : { exitCode: 1, stdout: "credentials not found in native keychain\n" },
    });
    expect(await find("example.com", "a", env, exec)).toEqual({ type: "identity", token: "refresh" });
    expect(await find("docker.io", "library/a", env, exec)).toEqual(password("hub", "s"));
    expect(await find("third.example.com", "a", env, exec)).toEqual(password("in", "file"));
    expect(await find("fourth.example.com", "a", env, exec)).toBeUndefined();
  });
});

describe("what cannot be used is told, without a secret in it", () => {
  test.each([
    ["no JSON", "{ secret"],
    ["a list", []],
    ["auths that are a text", { auths: "secret" }],
    ["an entry that is a text", { auths: { "example.com": "secret" } }],
    ["a helper that is a number", { credHelpers: { "example.com": 5 } }],
    ["too much", `{"auths":{},"x":"${"x".repeat(5 * 1024 ** 2)}"}`],
  ])("%s", async (_what, content) => {
    const env = { REGISTRY_AUTH_FILE: write("auth.json", content) };
    const error = await find("example.com", "a", env).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "AUTH_FILE_INVALID", kind: "environment" });
    expect((error as Error).message).not.toContain("secret");
  });

  test.each([
    ["that is not installed", "missing", /not found/],
    ["whose name leads elsewhere", "../../bin/evil", /refused/],
    ["that fails", "fails", /exit code 1/],
    ["that says something else", "garbage", /cannot be read/],
  ])("a helper %s", async (_what, name, message) => {
    const env = { REGISTRY_AUTH_FILE: write("auth.json", { credsStore: name }) };
    const exec = helpers({
      "docker-credential-fails": () => ({ exitCode: 1, stdout: "secret" }),
      "docker-credential-garbage": () => ({ stdout: "secret" }),
    });
    const error = await find("example.com", "a", env, exec).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "CREDENTIAL_HELPER_FAILED", message: expect.stringMatching(message) });
    expect((error as Error).message).not.toContain("secret");
  });

  test("any document is read or refused", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), fc.jsonValue(), (text, value) => {
        for (const bytes of [
          text,
          JSON.stringify({ auths: value }),
          JSON.stringify({ auths: { "example.com": value } }),
        ]) {
          try {
            expect(parseAuthFile(Buffer.from(bytes), "auth.json").auths).toBeInstanceOf(Map);
          } catch (error) {
            expect(error).toBeInstanceOf(BaseKitError);
          }
        }
      }),
    );
  });

  test("__proto__ is a name like any other", () => {
    const { auths } = parseAuthFile(Buffer.from('{"auths":{"__proto__":{"auth":"dTpw"}}}'), "auth.json");
    expect([...auths.keys()]).toEqual(["__proto__"]);
  });
});
