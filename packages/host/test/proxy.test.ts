import { expect, test } from "vitest";
import { proxyFor } from "../src/proxy.ts";

const proxies = { http_proxy: "http://plain:3128", https_proxy: "http://secure:3128" };

test.each([
  ["http://a.example/", proxies, "http://plain:3128/"],
  ["https://a.example/", proxies, "http://secure:3128/"],
  ["https://a.example/", { http_proxy: "http://plain:3128" }, undefined],
  ["http://a.example/", { HTTP_PROXY: "upper:80" }, "http://upper/"],
  ["http://a.example/", { http_proxy: "", HTTP_PROXY: "" }, undefined],
  ["http://a.example/", {}, undefined],
  ["http://127.0.0.1:5000/", proxies, undefined],
  ["https://127.1.2.3/", proxies, undefined],
  ["http://localhost/", proxies, undefined],
  ["https://[::1]:5000/", proxies, undefined],
  ["http://localhost.example/", proxies, "http://plain:3128/"],
] as const)("%s with %o goes through %s", (url, env, expected) => {
  expect(proxyFor(new URL(url), env)?.href).toBe(expected);
});

test.each([
  ["http://a.example/", "*", true],
  ["http://a.example/", "a.example", true],
  ["http://A.Example/", "a.EXAMPLE", true],
  ["http://b.a.example/", "a.example", true],
  ["http://b.a.example/", ".a.example", true],
  ["http://b.a.example/", "*.a.example", true],
  ["http://ba.example/", "a.example", false],
  ["http://a.example/", "b.example a.example", true],
  ["http://a.example/", "a.example:80", true],
  ["http://a.example:8080/", "a.example:80", false],
  ["https://a.example/", "a.example:443", true],
  ["http://10.1.2.3/", "10.0.0.0/8", true],
  ["http://11.1.2.3/", "10.0.0.0/8", false],
  ["http://10.1.2.3/", "10.1.2.3", true],
  ["http://10.1.2.3/", "2.3", false],
  ["http://10.1.2.3/", "10.0.0.0/99", false],
  ["http://a.example/", "10.0.0.0/8", false],
  ["http://[fd00::1]/", "fd00::/8", true],
  ["http://[fd00::1]/", "[fd00::1]", true],
  ["http://[fd00::1]:81/", "[fd00::1]:81", true],
  ["http://[fe80::1]/", "fd00::/8", false],
])("%s with no_proxy %j: excluded is %s", (url, no_proxy, excluded) => {
  expect(proxyFor(new URL(url), { ...proxies, no_proxy }) === undefined).toBe(excluded);
});

test.each(["socks5://user:secret@proxy:1080", "http://", "http://user:100%secret@proxy:3128"])(
  "%s is refused without its password",
  (http_proxy) => {
    const attempt = () => proxyFor(new URL("http://a.example/"), { http_proxy });
    expect(attempt).toThrowError(expect.objectContaining({ code: "PROXY_INVALID", kind: "usage" }));
    expect(attempt).not.toThrow("secret");
  },
);
