import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { requestFailure } from "../src/fetch-errors.ts";
import { createFetch, type HttpFetch } from "../src/index.ts";

let fetch: HttpFetch;
beforeEach(() => {
  fetch = createFetch({ env: {} });
});
afterEach(() => fetch[Symbol.asyncDispose]());

describe("a connection that fails is told in words, and whether trying again may help", () => {
  const url = new URL("https://me:secret@mirror.example.com/file?token=secret");
  test.each([
    ["CERT_HAS_EXPIRED", "FETCH_TLS_FAILED"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "FETCH_TLS_FAILED"],
    ["SELF_SIGNED_CERT_IN_CHAIN", "FETCH_TLS_FAILED"],
    ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "FETCH_TLS_FAILED"],
    ["ENOTFOUND", "FETCH_HOST_UNKNOWN"],
    ["EAI_AGAIN", "FETCH_FAILED"],
    ["ECONNRESET", "FETCH_FAILED"],
    ["UND_ERR_CONNECT_TIMEOUT", "FETCH_FAILED"],
    ["UND_ERR_HEADERS_TIMEOUT", "FETCH_FAILED"],
    ["HPE_HEADER_OVERFLOW", "FETCH_FAILED"],
  ])("%s is %s", (code, expected) => {
    const error = requestFailure(url, Object.assign(new Error(`it failed: ${code}`), { code }));
    expect(error).toMatchObject({ code: expected, kind: "network", hint: expect.any(String) });
    expect(error.message).toContain("mirror.example.com");
    expect(error.message).not.toContain("secret");
  });
});

// Where the machine has no such address, nobody can have a mirror at one.
const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === "::1"));

test("a mirror at an IPv6 address is as good as any", async () => {
  const server = createServer((_, response) => response.end("file"));
  await new Promise<void>((resolve) => server.listen(0, hasIpv6 ? "::1" : "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const { status } = await fetch(`http://${hasIpv6 ? "[::1]" : "127.0.0.1"}:${port}/`);
  expect(status).toBe(200);
  server.closeAllConnections();
  server.close();
});

test("nothing in a header becomes more than a header", async () => {
  const server = createServer((_, response) => {
    response.setHeader("content-disposition", "attachment; filename=../../etc/passwd");
    response.setHeader("x-apt", "201 URI Done%0aFilename: /tmp/evil");
    response.end("file");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const { headers, url } = await fetch(`http://127.0.0.1:${port}/name`);
  expect(url).toBe(`http://127.0.0.1:${port}/name`);
  expect(headers["x-apt"]).toBe("201 URI Done%0aFilename: /tmp/evil");
  server.closeAllConnections();
  server.close();
});
