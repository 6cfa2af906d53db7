import { execFileSync } from "node:child_process";
import { createPrivateKey, createSign, randomBytes, X509Certificate } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type Image, parsePinnedReference } from "@base-kit/core";
import { createExec } from "@base-kit/host";
import { imagesOf, nodeOf, validateImages } from "@base-kit/oci";
import { type RegistryServer, requires, startRegistry } from "@base-kit/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { listTags } from "../src/list-tags.ts";
import { pushImage } from "../src/push-image.ts";
import { readImage } from "../src/read-image.ts";
import { testImage } from "./images.ts";
import { type TestContext, testContext } from "./in-context.ts";

const delays = [1];
/** bcrypt of `secret-of-the-test`. */
const HTPASSWD = "$2y$04$W4fQN1ziWqtDTnh2noQlSORazEkL1HWi0j3b1xLCU.Qr2Dzzt6WdS";

let own: TestContext;
let image: Image;
beforeAll(async () => {
  own = await testContext();
  image = await testImage(own.context);
  certificates(own.folder);
});
afterAll(() => own.dispose());

/** An authority, and a certificate of it for this machine. */
function certificates(folder: string): void {
  const openssl = (...args: readonly string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  const days = ["-days", "2"];
  const authority = ["-subj", "/CN=test authority", "-keyout", "ca.key", "-out", "ca.crt"];
  openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", ...days, ...authority);
  openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=registry", "-keyout", "key.pem", "-out", "request.pem");
  writeFileSync(join(folder, "extensions"), "subjectAltName=IP:127.0.0.1\n");
  const signer = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "extensions"];
  openssl("x509", "-req", "-in", "request.pem", "-out", "cert.pem", ...days, ...signer);
}

/** The context of somebody with this login, who trusts the test's authority for this registry. */
function as(host: string, login: unknown, { trusts = true } = {}) {
  const folder = join(own.folder, randomBytes(6).toString("hex"));
  mkdirSync(join(folder, "containers", "certs.d", host), { recursive: true });
  if (trusts)
    writeFileSync(join(folder, "containers", "certs.d", host, "ca.crt"), readFileSync(join(own.folder, "ca.crt")));
  const file = join(folder, "auth.json");
  writeFileSync(file, JSON.stringify(login));
  const env = { ...own.context.env, XDG_CONFIG_HOME: folder, REGISTRY_AUTH_FILE: file };
  return { ...own.context, env };
}

const basic = (pair: string) => ({ auth: Buffer.from(pair).toString("base64") });

describe.skipIf(requires("docker-registry").skip)("a registry with TLS and passwords", () => {
  let registry: RegistryServer;
  beforeAll(async () => {
    writeFileSync(join(own.folder, "htpasswd"), `somebody:${HTPASSWD}\n`);
    registry = await startRegistry({
      dir: join(own.folder, "tls"),
      tls: { certificate: join(own.folder, "cert.pem"), key: join(own.folder, "key.pem") },
      auth: { htpasswd: { realm: "test", path: join(own.folder, "htpasswd") } },
    });
  });
  afterAll(() => registry.stop());

  const login = (pair: string) => ({ auths: { [registry.host]: basic(pair) } });
  const named = () => parsePinnedReference(`${registry.host}/a/b:1`);

  test("takes and gives an image with the right login, certs.d naming its authority", async () => {
    const context = as(registry.host, login("somebody:secret-of-the-test"));
    await pushImage(nodeOf([image]), [named()], { context, delays });
    await validateImages(imagesOf(await readImage(named(), context, { delays, keep: false })), context);
  });

  test.each([
    ["without a login", {}, true, "REGISTRY_DENIED"],
    ["with a wrong one", "somebody:wrong-secret", true, "REGISTRY_DENIED"],
    ["whose authority is not trusted", "somebody:secret-of-the-test", false, "FETCH_TLS_FAILED"],
  ])("%s it is refused, and nothing secret is told", async (_what, pair, trusts, code) => {
    const context = as(registry.host, typeof pair === "string" ? login(pair) : pair, { trusts });
    const error = await readImage(named(), context, { delays }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code, kind: "network" });
    expect(JSON.stringify([error, (error as Error).message, own.events])).not.toMatch(/secret|c29tZWJvZHk6/);
  });

  test("a program keeps the login", async () => {
    const folder = join(own.folder, "bin");
    mkdirSync(folder, { recursive: true });
    const program = join(folder, "docker-credential-test");
    const answer = JSON.stringify({ Username: "somebody", Secret: "secret-of-the-test" });
    writeFileSync(program, `#!/bin/sh\nread -r server && [ "$server" = "${registry.host}" ] && echo '${answer}'\n`);
    chmodSync(program, 0o755);
    const context = as(registry.host, { credHelpers: { [registry.host]: "test" } });
    const env = { ...context.env, PATH: `${folder}:${process.env["PATH"]}` };
    expect(await listTags(named(), { ...context, env, exec: createExec({ env }) }, { delays })).toEqual(["1"]);
  });
});

describe.skipIf(requires("docker-registry").skip)("a registry with a token server", () => {
  let registry: RegistryServer;
  let tokens: TokenServer;
  beforeAll(async () => {
    tokens = await startTokenServer(own.folder);
    registry = await startRegistry({
      dir: join(own.folder, "token"),
      auth: {
        token: {
          realm: tokens.realm,
          service: "test registry",
          issuer: "test issuer",
          rootcertbundle: join(own.folder, "ca.crt"),
        },
      },
    });
  });
  afterAll(async () => {
    tokens.close();
    await registry.stop();
  });
  beforeEach(() => {
    tokens.asked.length = 0;
  });

  const named = (name = "a/b:1") => parsePinnedReference(`${registry.host}/${name}`);
  const somebody = () => as(registry.host, { auths: { [registry.host]: basic("somebody:secret-of-the-test") } });

  test("takes and gives an image with tokens for just that", async () => {
    const context = somebody();
    await pushImage(nodeOf([image]), [named()], { context, delays });
    expect(tokens.asked.map(({ scope }) => scope)).toEqual([["repository:a/b:pull,push"]]);
    await validateImages(imagesOf(await readImage(named(), context, { delays, keep: false })), context);
    expect(tokens.asked.at(-1)).toEqual({ scope: ["repository:a/b:pull"], who: "somebody" });
  });

  test("gives an image to anybody, and takes none from them", async () => {
    const context = as(registry.host, {});
    await readImage(named(), context, { delays, keep: false });
    expect(tokens.asked).toEqual([{ scope: ["repository:a/b:pull"], who: undefined }]);
    await expect(
      pushImage(nodeOf([await testImage(context)]), [named("a/b:2")], { context, delays }),
    ).rejects.toMatchObject({
      code: "REGISTRY_DENIED",
    });
  });

  test("mounts with a token for both repositories", async () => {
    const context = somebody();
    await pushImage(nodeOf([image]), [named("c/d:1")], { context, delays, from: "a/b" });
    expect(tokens.asked.map(({ scope }) => scope)).toContainEqual(["repository:c/d:pull,push", "repository:a/b:pull"]);
  });

  test("an identity token is exchanged", async () => {
    const context = as(registry.host, { auths: { [registry.host]: { identitytoken: "refresh-secret" } } });
    await readImage(named(), context, { delays, keep: false });
    expect(tokens.asked).toEqual([{ scope: ["repository:a/b:pull"], who: "refresh" }]);
  });

  test("a token that has run out is asked for again", async () => {
    // The registry allows its clock to be a minute off.
    tokens.lifetime = -100;
    const context = somebody();
    // The first is over when it comes; the second is good.
    await readImage(named(), context, { delays, keep: false });
    expect(tokens.asked).toHaveLength(2);
  });

  test.each([
    ["a server that is down", { status: 503 }, "REGISTRY_STATUS"],
    ["a refusal", { status: 401 }, "REGISTRY_DENIED"],
    ["something else than a token", { status: 200, body: '{"token":{"secret":1}}' }, "REGISTRY_ANSWER_INVALID"],
    ["a token with an end of line", { status: 200, body: '{"token":"secret\\r\\nx: y"}' }, "REGISTRY_ANSWER_INVALID"],
    ["a token without end", { status: 200, body: `{"token":"${"s".repeat(200_000)}"}` }, "REGISTRY_ANSWER_INVALID"],
  ])("%s ends it", async (_what, answer, code) => {
    tokens.failure = answer;
    const error = await readImage(named(), somebody(), { delays }).catch((caught: unknown) => caught);
    tokens.failure = undefined;
    expect(error).toMatchObject({ code, kind: "network" });
    expect((error as Error).message).not.toMatch(/secret/);
  });
});

interface TokenServer {
  readonly realm: string;
  readonly asked: { readonly scope: readonly string[]; readonly who: string | undefined }[];
  /** Seconds of the next token; then a minute again. */
  lifetime: number;
  failure: { readonly status: number; readonly body?: string } | undefined;
  close(): void;
}

/** Distribution's token authentication: who has the password may do all, anybody may pull. */
async function startTokenServer(folder: string): Promise<TokenServer> {
  const certificate = new X509Certificate(readFileSync(join(folder, "cert.pem")));
  const key = createPrivateKey(readFileSync(join(folder, "key.pem")));
  const sign = (scopes: readonly string[], trusted: boolean, lifetime: number) => {
    const now = Math.floor(Date.now() / 1000);
    const access = scopes.map((scope) => {
      const [type, name, actions = ""] = scope.split(":");
      return { type, name, actions: actions.split(",").filter((action) => trusted || action === "pull") };
    });
    const claims = {
      iss: "test issuer",
      sub: "",
      aud: "test registry",
      nbf: now - 120,
      iat: now - 120,
      exp: now + lifetime,
      access,
    };
    const header = { typ: "JWT", alg: "RS256", x5c: [certificate.raw.toString("base64")] };
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const signed = `${part(header)}.${part({ ...claims, jti: randomBytes(8).toString("hex") })}`;
    return `${signed}.${createSign("RSA-SHA256").update(signed).sign(key, "base64url")}`;
  };
  const password = `Basic ${Buffer.from("somebody:secret-of-the-test").toString("base64")}`;
  const server: Server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => {
      body += chunk;
    });
    request.on("end", () => {
      if (state.failure !== undefined)
        return void response.writeHead(state.failure.status).end(state.failure.body ?? "");
      const form = new URLSearchParams(body);
      const query = request.method === "POST" ? form : new URL(request.url ?? "", "http://x").searchParams;
      const who = request.headers.authorization === password ? "somebody" : form.get("refresh_token")?.split("-")[0];
      const scope = query.getAll("scope").flatMap((each) => each.split(" "));
      state.asked.push({ scope, who });
      const token = sign(scope, who !== undefined, state.lifetime);
      state.lifetime = 300;
      response.end(JSON.stringify(request.method === "POST" ? { access_token: token } : { token, expires_in: 300 }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const state: TokenServer = {
    realm: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
    asked: [],
    lifetime: 300,
    failure: undefined,
    close: () => server.close(),
  };
  return state;
}
