import type { Context, FetchOptions } from "@base-kit/core";
import { expect, test } from "vitest";
import { parseChallenges } from "../src/challenge.ts";
import type { Credentials } from "../src/credentials.ts";
import { fetchToken } from "../src/token.ts";

const LOGIN: Credentials = { type: "password", username: "me", password: "secret" };

/** Where a token was asked for, by what. */
async function ask(origin: string, realm: string, credentials: Credentials | undefined) {
  const asked: { readonly url: string; readonly options: FetchOptions }[] = [];
  const context = {
    clock: { now: () => 0, monotonicMs: () => 0 },
    fetch: async (url: string, options: FetchOptions = {}) => {
      asked.push({ url, options });
      const body = async function* () {
        yield Buffer.from('{"token":"t"}');
      };
      return { status: 200, headers: {}, url, body: body() };
    },
  } as unknown as Context;
  const [challenge] = parseChallenges(`Bearer realm="${realm}",service="s"`);
  if (challenge === undefined) throw new Error("a challenge");
  const host = { name: new URL(origin).host, origin, mayLogIn: true };
  const scopes = [{ repository: "a/b", actions: "pull" }] as const;
  const token = await fetchToken({ challenge, scopes, credentials, host, context });
  return { token, asked };
}

test.each([
  ["https://registry.example.com", "https://auth.example.com/token", LOGIN],
  ["https://registry.example.com", "https://auth.example.com/token", undefined],
  ["http://127.0.0.1:5000", "http://127.0.0.1:5001/token", LOGIN],
  ["http://registry.example.com", "http://registry.example.com/token", undefined],
])("%s may send us to %s", async (origin, realm, credentials) => {
  const { token, asked } = await ask(origin, realm, credentials);
  expect(token.value).toBe("t");
  expect(asked[0]?.url).toContain("scope=repository%3Aa%2Fb%3Apull");
  expect(asked[0]?.url).not.toContain("secret");
  expect(asked[0]?.options.headers).toEqual(
    credentials === undefined ? {} : { authorization: `Basic ${btoa("me:secret")}` },
  );
});

test.each([
  ["https://registry.example.com", "http://auth.example.com/token", undefined],
  ["https://registry.example.com", "http://127.0.0.1:8080/admin", undefined],
  ["https://registry.example.com", "https://localhost/admin", undefined],
  ["https://registry.example.com", "https://[::1]/admin", LOGIN],
  ["http://127.0.0.1:5000", "http://auth.example.com/token", LOGIN],
  ["http://registry.example.com", "http://registry.example.com/token", LOGIN],
  ["https://registry.example.com", "https://me:pw@auth.example.com/", LOGIN],
  ["https://registry.example.com", "file:///etc/passwd", undefined],
  ["https://registry.example.com", "/token", undefined],
])("%s may not send us to %s", async (origin, realm, credentials) => {
  await expect(ask(origin, realm, credentials)).rejects.toMatchObject({
    code: "REGISTRY_REALM_REFUSED",
    message: expect.not.stringMatching(/secret|:pw@/),
  });
});
