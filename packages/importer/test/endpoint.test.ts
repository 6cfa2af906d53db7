import { isBaseKitError } from "@base-kit/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatEndpoint, parseEndpoint } from "../src/endpoint.ts";

const plain = { source: "DOCKER_HOST", tls: () => undefined };
const withTls = { source: "DOCKER_HOST", tls: () => ({ verify: true }) };

describe("an endpoint", () => {
  test.each([
    ["unix:///run/docker.sock", { type: "unix", path: "/run/docker.sock" }],
    ["unix://", { type: "unix", path: "/var/run/docker.sock" }],
    ["tcp://host", { type: "tcp", host: "host", port: 2375 }],
    ["tcp://10.0.0.1:1234/", { type: "tcp", host: "10.0.0.1", port: 1234 }],
    ["tcp://host:80", { type: "tcp", host: "host", port: 80 }],
    ["tcp://[::1]:2375", { type: "tcp", host: "::1", port: 2375 }],
    ["host:2375", { type: "tcp", host: "host", port: 2375 }],
    ["http://host", { type: "tcp", host: "host", port: 80 }],
    ["ssh://me@host:22", { type: "ssh", url: "ssh://me@host:22" }],
  ])("%s is read as Docker reads it", (text, expected) => {
    expect(parseEndpoint(text, plain)).toEqual(expected);
  });

  test.each([
    ["tcp://host", 2376],
    ["https://host", 443],
    ["tcp://host:2375", 2375],
  ])("%s has the port of TLS when there are certificates", (text, port) => {
    expect(parseEndpoint(text, withTls)).toEqual({ type: "tcp", host: "host", port, tls: { verify: true } });
  });

  test("http:// is plain even where certificates are set", () => {
    expect(parseEndpoint("http://host", withTls)).not.toHaveProperty("tls");
  });

  test.each([
    ["/var/run/docker.sock", "unix:///var/run/docker.sock"],
    ["unix://docker.sock", "absolute"],
    ["npipe:////./pipe/docker_engine", "Windows"],
    ["fd://", "for the engine itself"],
    ["ftp://host", "scheme ftp"],
    ["tcp://", "not a URL"],
    ["tcp://host:99999", "not a URL"],
    ["tcp://host/prefix", "nothing may follow"],
    ["tcp://user:secret@host", "user and password"],
    ["ssh://me:secret@host", "no password"],
    ["ssh://-oProxyCommand=touch%20x/", "not a host"],
    ["ssh://-oProxyCommand@host", "not a host"],
    ["unix:///run/docker.sock\n", "white space"],
    ["", "not a URL"],
  ])("%j is refused", (text, why) => {
    const error = thrownBy(() => parseEndpoint(text, plain));
    expect(error).toMatchObject({ code: "ENGINE_ENDPOINT_INVALID", kind: "usage" });
    expect(error.message).toContain(why);
    expect(error.message).toContain("DOCKER_HOST");
    expect(error.message).not.toContain("secret");
  });

  test("whatever is given, it is understood or refused, and what is understood can be written and read again", () => {
    const scheme = fc.constantFrom("", "unix://", "tcp://", "http://", "https://", "ssh://", "npipe://");
    fc.assert(
      fc.property(scheme, fc.oneof(fc.string(), fc.webAuthority({ withPort: true })), (prefix, rest) => {
        try {
          const endpoint = parseEndpoint(prefix + rest, plain);
          expect(parseEndpoint(formatEndpoint(endpoint), plain)).toEqual(endpoint);
        } catch (error) {
          if (!isBaseKitError(error)) throw error;
        }
      }),
    );
  });
});

function thrownBy(action: () => unknown): Error {
  try {
    action();
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was thrown");
}
