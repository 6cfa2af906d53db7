import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { startMirror } from "@base-kit/testing";
import { afterAll, describe, expect, test } from "vitest";
import { createExec, createFetch } from "../src/index.ts";

const fetch = createFetch({ env: {} });
afterAll(() => fetch[Symbol.asyncDispose]());

async function read(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

describe("a body", () => {
  test("comes with status, lower-case headers and the final URL", async () => {
    await using mirror = await startMirror({ "a/b": "content" }, { faults: { old: [{ redirect: "/a/b" }] } });
    const response = await fetch(`${mirror.url}old#part`);
    expect(response).toMatchObject({ status: 200, url: `${mirror.url}a/b`, headers: { "content-length": "7" } });
    expect(await read(response.body)).toBe("content");
    expect((await fetch(`${mirror.url}missing`)).status).toBe(404);
    expect((await fetch(`${mirror.url}a/b`, { method: "HEAD" })).headers["content-length"]).toBe("7");
  });

  test("is raw, whatever Content-Encoding says", async () => {
    await using mirror = await startMirror({ file: "hello" }, { faults: { file: [{ contentEncoding: "gzip" }] } });
    const response = await fetch(`${mirror.url}file`);
    expect((await read(response.body)).slice(0, 2)).toBe(Buffer.from([0x1f, 0x8b]).toString());
    expect(mirror.requests[0]?.headers["accept-encoding"]).toBe("identity");
  });

  test.each([
    ["cut", { cutAfter: 3, withLength: true }],
    ["shorter than declared", { declaredLength: 30 }],
    ["longer than declared", { declaredLength: 3 }],
  ] as const)("that is %s is an error or what was declared, never more", async (_, fault) => {
    await using mirror = await startMirror({ file: "hello world" }, { faults: { file: [fault] } });
    const response = await fetch(`${mirror.url}file`);
    const outcome = await read(response.body).catch((error) => error);
    if ("declaredLength" in fault && fault.declaredLength === 3) expect(outcome).toBe("hel");
    else expect(outcome).toMatchObject({ code: "FETCH_FAILED", kind: "network" });
  });
});

describe("redirects", () => {
  test.each([
    ["file:///etc/passwd", "neither http nor https"],
    ["ftp://127.0.0.1/x", "neither http nor https"],
    ["http://[broken", "not a URL"],
  ])("to %s are refused", async (redirect, message) => {
    await using mirror = await startMirror({}, { faults: { x: [{ redirect }] } });
    await expect(fetch(`${mirror.url}x`)).rejects.toMatchObject({
      code: "FETCH_REDIRECT_REFUSED",
      message: expect.stringContaining(message),
    });
  });

  test("in a circle end after ten", async () => {
    await using mirror = await startMirror((_, response) => response.writeHead(302, { location: "/again" }).end());
    await expect(fetch(mirror.url)).rejects.toMatchObject({ code: "FETCH_REDIRECT_REFUSED" });
    expect(mirror.requests).toHaveLength(11);
  });

  test("do not take credentials to another host", async () => {
    await using other = await startMirror({ y: "y" });
    await using mirror = await startMirror(
      { y: "y" },
      { faults: { x: [{ redirect: "/y" }, { redirect: `${other.url}y` }] } },
    );
    const withUser = new URL("x", mirror.url);
    withUser.username = "me";
    withUser.password = "p@ss %";
    for (let i = 0; i < 2; i++) await read((await fetch(withUser.href, { headers: { Cookie: "c" } })).body);
    const basic = `Basic ${Buffer.from("me:p@ss %").toString("base64")}`;
    expect(mirror.requests.map(({ path, headers }) => [path, headers["authorization"]])).toEqual([
      ["x", basic],
      ["y", basic],
      ["x", basic],
    ]);
    expect(other.requests[0]?.headers["authorization"]).toBeUndefined();
    expect(other.requests[0]?.headers["cookie"]).toBeUndefined();
  });
});

describe("failures", () => {
  test("a refused connection names host and redacted URL", async () => {
    const error = await fetch("http://me:secret@127.0.0.1:1/x?token=abc").catch((error) => error);
    expect(error).toMatchObject({ code: "FETCH_FAILED", kind: "network" });
    expect(error.message).toBe("cannot fetch http://127.0.0.1:1/x?token=*** from 127.0.0.1:1: connection refused");
  });

  test("a closed connection", async () => {
    await using mirror = await startMirror({ x: "" }, { faults: { x: [{ reset: true }] } });
    await expect(fetch(`${mirror.url}x`)).rejects.toMatchObject({
      code: "FETCH_FAILED",
      message: expect.stringContaining("closed by the other side"),
    });
  });

  test.each(["file:///etc/passwd", "not a url", "data:,x"])("%s is not fetched", async (url) => {
    await expect(fetch(url)).rejects.toMatchObject({ code: "FETCH_URL_INVALID", kind: "usage" });
  });

  test.each(["before-headers", 2] as const)("an abort ends a request that hangs %s", async (hang) => {
    await using mirror = await startMirror({ x: "hello" }, { faults: { x: [{ hang }] } });
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("enough")), 100);
    const work = fetch(`${mirror.url}x`, { signal: controller.signal }).then(({ body }) => read(body));
    await expect(work).rejects.toThrow("enough");
  });

  test("an unknown certificate is told apart: trying again would not help", async () => {
    const { stdout } = await createExec()("openssl", [
      ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1".split(" "),
      ..."-subj /CN=localhost -keyout - -out -".split(" "),
    ]);
    const pem = stdout.toString();
    const server = createHttpsServer({ key: pem, cert: pem }, (_, response) => response.end("x"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    await expect(fetch(`https://127.0.0.1:${port}/`)).rejects.toMatchObject({
      code: "FETCH_TLS_FAILED",
      kind: "network",
      hint: expect.stringContaining("NODE_EXTRA_CA_CERTS"),
    });
    server.close();
  });
});

describe("a proxy", () => {
  test("is asked without a tunnel, with its credentials, and not for this machine", async () => {
    await using mirror = await startMirror({ x: "direct" });
    await using proxy = await startMirror((_, response) => response.end("by proxy"));
    const address = proxy.url.replace("http://", "http://user:pw@");
    await using proxied = createFetch({ env: { http_proxy: address } });
    expect(await read((await proxied("http://mirror.example/x")).body)).toBe("by proxy");
    expect(proxy.requests[0]).toMatchObject({ method: "GET", path: "http://mirror.example/x" });
    expect(proxy.requests[0]?.headers["proxy-authorization"]).toBe(`Basic ${btoa("user:pw")}`);
    expect(await read((await proxied(`${mirror.url}x`)).body)).toBe("direct");
  });
});
